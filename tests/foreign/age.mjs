// A command line around the npm package age-encryption, for tests: a foreign age that knows
// the hybrid recipient.
//   node age.mjs keygen x25519|hybrid          identity and recipient, one per line
//   node age.mjs encrypt RECIPIENT < plain > sealed
//   node age.mjs decrypt -i FILE [SEALED] > plain
import { readFileSync, writeSync } from "node:fs";
import {
  Decrypter,
  Encrypter,
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from "age-encryption";

const [verb, ...rest] = process.argv.slice(2);

function write(bytes) {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

if (verb === "keygen") {
  const identity =
    rest[0] === "hybrid" ? await generateHybridIdentity() : await generateX25519Identity();
  console.log(identity);
  console.log(await identityToRecipient(identity));
} else if (verb === "encrypt") {
  const encrypter = new Encrypter();
  for (const recipient of rest) encrypter.addRecipient(recipient);
  write(await encrypter.encrypt(new Uint8Array(readFileSync(0))));
} else {
  const decrypter = new Decrypter();
  const lines = readFileSync(rest[1], "utf8").split("\n");
  for (const line of lines.filter((l) => l.startsWith("AGE-SECRET-KEY-"))) {
    decrypter.addIdentity(line);
  }
  write(await decrypter.decrypt(new Uint8Array(readFileSync(rest[2] ?? 0))));
}
