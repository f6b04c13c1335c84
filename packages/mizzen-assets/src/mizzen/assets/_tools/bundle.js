// Runs inside bun: reads one request from stdin, bundles, writes one JSON answer to stdout.
// A script rather than `bun build`, because only the API reports errors with their positions.
const request = JSON.parse(await Bun.stdin.text());

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
const names = Object.keys(request.aliases);
const plugins = [];
if (names.length > 0) {
  const filter = new RegExp(`^(${names.map(escaped).join("|")})$`);
  plugins.push({
    name: "aliases",
    setup(build) {
      build.onResolve({ filter }, (asked) => ({ path: request.aliases[asked.path] }));
    },
  });
}

const result = await Bun.build({
  entrypoints: [request.entry],
  root: request.root,
  target: "browser",
  format: "esm",
  minify: request.minify,
  sourcemap: request.maps ? "external" : "none",
  metafile: true,
  publicPath: request.prefix,
  naming: { entry: "[dir]/[name].[ext]", asset: "[dir]/[name]-[hash].[ext]" },
  define: { "process.env.NODE_ENV": JSON.stringify(request.minify ? "production" : "development") },
  throw: false,
  plugins,
});

const outputs = [];
for (const output of result.outputs) {
  const body = Buffer.from(await output.arrayBuffer()).toString("base64");
  outputs.push({ path: output.path, kind: output.kind, body });
}
const logs = result.logs.map(({ level, message, position }) => ({ level, message, position }));
const inputs = Object.keys(result.metafile?.inputs ?? {});
await Bun.write(Bun.stdout, JSON.stringify({ ok: result.success, outputs, logs, inputs }));
