import type { App, Script, Stage } from "../../deffile/definition.ts";

/** What runs in the container as %post: the section, and each app's %appinstall in the app's folder. */
export function postScript({ scripts, apps }: Pick<Stage, "scripts" | "apps">): Script | undefined {
  const installs = apps.filter((app) => app.scripts.install !== undefined);
  if (installs.length === 0) return scripts.post;
  const { post } = scripts;
  return {
    line: post?.line ?? (installs[0] as App).line,
    arguments: post?.arguments ?? "",
    text: `${post?.text ?? ""}${installs.map(installText).join("")}`,
  };
}

function installText({ name, scripts }: App): string {
  const folder = `/scif/apps/${name}`;
  return `\ncd /\n. ${folder}/scif/env/01-base.sh\n\ncd ${folder}\n${scripts.install?.text ?? ""}\ncd /\n`;
}
