// A process that wants an image: node fetch.mjs URI 'JSON options'. Prints what it got as one line of JSON.
import { imageFile } from "../../dist/index.js";

const [uri, options] = process.argv.slice(2);
const events = [];
try {
  const { path, cached, converted } = await imageFile(uri, {
    ...JSON.parse(options),
    onProgress: (event) => {
      if (event.kind === "stage" && event.stage === "merge") process.stderr.write("merging\n");
      if (event.kind === "warning") events.push(event.message);
    },
  });
  console.log(JSON.stringify({ path, cached, converted, warnings: events }));
} catch (error) {
  console.log(JSON.stringify({ error: error.code ?? error.message, warnings: events }));
}
