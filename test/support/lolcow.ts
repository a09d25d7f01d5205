import type { DebianImage } from "./debian-image.ts";

/** The image of the Singularity manual, as its Dockerfile makes it. */
export const LOLCOW: DebianImage = {
  name: "godlovedc/lolcow",
  dockerfile: `FROM debian
RUN apt-get update && apt-get install -y --no-install-recommends fortune-mod fortunes-min cowsay lolcat
ENV PATH /usr/games:\${PATH}
ENV LC_ALL=C
ENTRYPOINT fortune | cowsay | lolcat
`,
};
