// A command line around the npm package tus-js-client, for tests: a foreign client of resumable
// uploads. It prints a line for each request it makes.
//   node tus.mjs CREATE-URL FILE PLACES.json [STOP-AFTER]
// PLACES.json is what it remembers between two runs: a second run goes on where the upload stands.
// With STOP-AFTER the process dies, as by kill -9, once the server has that many bytes.
// The header Authorization is read from standard input, so that it stands in no list of processes.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";

const tus = createRequire(import.meta.url)("tus-js-client");

const [endpoint, file, places, stopAfter] = process.argv.slice(2);

const upload = new tus.Upload(readFileSync(file), {
  endpoint,
  headers: { Authorization: readFileSync(0, "utf8") },
  chunkSize: 400_000,
  retryDelays: Array(9).fill(50),
  urlStorage: new tus.FileUrlStorage(places),
  onBeforeRequest: (request) => {
    console.log(request.getMethod(), request.getHeader("Upload-Offset") ?? "");
  },
  onChunkComplete: (_, accepted) => {
    if (stopAfter !== undefined && accepted >= Number(stopAfter)) process.kill(process.pid, "SIGKILL");
  },
  onError: (error) => {
    console.error(String(error));
    process.exitCode = 1;
  },
});
const [previous] = await upload.findPreviousUploads();
if (previous !== undefined) upload.resumeFromPreviousUpload(previous);
upload.start();
