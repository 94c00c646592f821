// Leaves quickly, and does not stay open. Reading and withdrawing need nothing of this.

const SECOND = 1000;
const WARNS_AFTER = 300 * SECOND;
const EMPTIES_AFTER = 360 * SECOND;
const ESCAPES_WITHIN = 3 * SECOND;
const html = document.documentElement;

/** Goes elsewhere in place of this page, so that "back" does not lead to it. */
const replaceBy = (address) => {
  document.body?.replaceChildren();
  location.replace(address);
};
const leave = () => replaceBy(html.dataset.leave);

// A QR code made on her wish carries her code behind "#": into the field with it, out of the address.
const carried = /^#([0-9a-z]{4}(?:-[0-9a-z]{4}){6})(?:\.|$)/i.exec(location.hash)?.[1];
if (carried) {
  history.replaceState(null, "", location.pathname + location.search);
  const fill = () => {
    const field = document.getElementById("code");
    if (field) field.value = carried;
  };
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", fill);
  else fill();
}

let escapes = [];
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const now = Date.now();
  escapes = [...escapes.filter((at) => now - at < ESCAPES_WITHIN), now];
  if (escapes.length >= 3) leave();
});
addEventListener("click", (event) => {
  if (!event.target.closest?.(".leave")) return;
  event.preventDefault();
  leave();
});

if ("end" in html.dataset) {
  let touched = Date.now();
  const quiet = () => Date.now() - touched;
  let before = null; // where she was when the warning came up
  const warn = (on) => {
    const warning = document.getElementById("warning");
    if (!warning || warning.hidden === !on) return;
    const inside = warning.contains(document.activeElement);
    if (on) before = document.activeElement;
    warning.hidden = !on;
    if (on) warning.querySelector("button").focus();
    else if (inside) before.focus();
  };
  const look = () => {
    if (quiet() >= EMPTIES_AFTER) replaceBy(html.dataset.end);
    else warn(quiet() >= WARNS_AFTER);
  };
  const stay = () => {
    touched = Date.now();
    warn(false);
  };
  const touch = (event) => {
    look(); // a device that slept must not be woken into an open page
    // In the warning only its button counts: closing it while a key is down would press another.
    if (!event.target.closest?.("#warning")) stay();
  };
  addEventListener("click", (event) => event.target.closest?.("#warning button") && stay());
  for (const kind of ["keydown", "pointerdown", "input", "wheel"]) addEventListener(kind, touch);
  addEventListener("visibilitychange", look);
  addEventListener("pageshow", (event) => event.persisted && replaceBy(html.dataset.end));
  setInterval(look, SECOND);
}
