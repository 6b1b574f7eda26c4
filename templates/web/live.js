// Keeps a page fresh while somebody looks at it. Without this script it is the same page, and stays
// as it was loaded (ADR 19).
"use strict";
const EVERY_MS = 30000;

// What was done is said once: a reload, or the next fetch, must not say it again.
const here = new URL(location.href);
here.searchParams.delete("said");
here.searchParams.delete("refused");
history.replaceState(null, "", here);

function isBusy(main) {
  const typed = [...main.querySelectorAll("input")].some((one) => one.value !== one.defaultValue);
  return typed || main.contains(document.activeElement);
}

async function refresh() {
  const main = document.querySelector("main");
  if (document.hidden || isBusy(main)) return;
  let fresh = null;
  try {
    const answer = await fetch(here, { redirect: "error" });
    if (answer.ok) fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch { /* the next try may reach it */ }
  document.body.classList.toggle("stale", !fresh);
  if (!fresh || isBusy(main)) return;
  for (const part of ["main", "header", "footer"]) {
    document.querySelector(part).replaceWith(fresh.querySelector(part));
  }
  document.title = fresh.title;
}

setInterval(refresh, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
