// A command line around the npm package @sigstore/verify, for tests: a foreign verifier of
// inclusion proofs and signed checkpoints.
//   node receipt.mjs ORIGIN KEY.der LEAF-HEX < receipt.tlog-proof      exit 0: accepted
import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// The step that checks a log entry is no public export: the whole package verifies software.
const { verifyTLogInclusion } = createRequire(import.meta.url)("@sigstore/verify/dist/tlog");

const [origin, key, leaf] = process.argv.slice(2);
const receipt = readFileSync(0, "utf8");
const split = receipt.indexOf("\n\n");
const [, , index, ...hashes] = receipt.slice(0, split).split("\n");
const envelope = receipt.slice(split + 2);

// It finds a log by the first four bytes of its id: those of the signature line.
const line = envelope.split("\n").find((one) => one.startsWith(`\u2014 ${origin} `));
const logID = Buffer.from(line.split(" ")[2], "base64");

verifyTLogInclusion(
  {
    canonicalizedBody: Buffer.from(leaf, "hex"),
    inclusionProof: {
      logIndex: index.slice("index ".length),
      hashes: hashes.map((hash) => Buffer.from(hash, "base64")),
      checkpoint: { envelope },
    },
  },
  [
    {
      logID,
      baseURL: `https://${origin}`,
      publicKey: createPublicKey({ key: readFileSync(key), format: "der", type: "spki" }),
    },
  ],
);
