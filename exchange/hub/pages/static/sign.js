// Signs with a key of her own: made here, never leaves this browser, kept only if she ticks that.

const ALGORITHM = { name: "Ed25519" };
const STORE = "keys";

const b64u = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** What came of an IndexedDB request. */
const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const exists = async () => (await indexedDB.databases()).some((one) => one.name === STORE);

/** Does something with the kept keys; opening the store makes it. */
const stored = async (mode, work) => {
  const opening = indexedDB.open(STORE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await done(opening);
  try {
    return await done(work(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
};

const keep = (name, key) => stored("readwrite", (keys) => keys.put(key, name));
const find = async (name) => (await exists()) && stored("readonly", (keys) => keys.get(name));
const forget = async (name) => {
  await stored("readwrite", (keys) => keys.delete(name));
  if ((await stored("readonly", (keys) => keys.count())) === 0) {
    await done(indexedDB.deleteDatabase(STORE)); // no trace that there ever was one
  }
};

/** Asks the hub what there is to sign, signs it, and puts both into the form. */
const sign = async (form, key, fields) => {
  const body = new URLSearchParams([...new FormData(form), ...fields]);
  body.set("do", form.dataset.prepare);
  for (const name of ["to_sign", "signature"]) body.delete(name); // of an attempt that failed
  const answer = await fetch(form.action, { method: "POST", body, cache: "no-store" });
  const toSign = answer.ok ? await answer.text() : "";
  if (!toSign) throw new Error("there is nothing to sign");
  const signature = await crypto.subtle.sign(ALGORITHM, key, new TextEncoder().encode(toSign));
  form.elements.to_sign.value = toSign;
  form.elements.signature.value = b64u(signature);
};

/** Does `work` when the form is sent, then sends it; says so where it fails. */
const onSubmit = (form, work) =>
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const failed = document.getElementById("failed");
    failed.hidden = true;
    event.submitter.disabled = true;
    try {
      await work();
      form.submit();
    } catch {
      failed.hidden = false;
      event.submitter.disabled = false;
    }
  });

const consenting = async (form) => {
  const pair = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
  const name = b64u(await crypto.subtle.exportKey("raw", pair.publicKey));
  document.getElementById("paper").hidden = true;
  form.hidden = false;
  onSubmit(form, async () => {
    await sign(form, pair.privateKey, [["key", name]]);
    if (document.getElementById("keep").checked) await keep(name, pair.privateKey);
  });
};

const withdrawing = async (form) => {
  const name = form.dataset.key;
  const key = await find(name);
  if (!key) return;
  form.hidden = false;
  onSubmit(form, async () => {
    await sign(form, key, []);
    await forget(name); // it can sign nothing else
  });
  document.getElementById("forget").addEventListener("click", async () => {
    await forget(name);
    form.hidden = true;
  });
};

// A browser that cannot do this shows the page without it: the paper way, the code.
const begin = { sign: consenting, kept: withdrawing };
for (const [id, work] of Object.entries(begin)) {
  const form = document.getElementById(id);
  if (form) work(form).catch(() => {});
}
