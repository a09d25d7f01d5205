import { Node, NodeKind } from "assemblyscript";
import { Transform } from "assemblyscript/transform";

/**
 * Inlines every function of `assembly/inline/` into its callers. V8 of Node 20 does not inline between
 * WASM functions and Binaryen leaves loops of several callers alone; the call costs the match finders
 * about a tenth of their speed. AssemblyScript's own switch for this is a decorator, which is not
 * TypeScript: formatters refuse it, so the folder is the switch.
 */
// biome-ignore lint/style/noDefaultExport: the compiler takes a transform as the default export
export default class InlineFolder extends Transform {
  afterParse(parser) {
    for (const source of parser.sources) {
      if (!source.internalPath.includes("/inline/")) continue;
      for (const statement of source.statements) {
        if (statement.kind !== NodeKind.FunctionDeclaration) continue;
        const name = Node.createIdentifierExpression("inline", statement.range);
        statement.decorators = [Node.createDecorator(name, null, statement.range)];
      }
    }
  }
}
