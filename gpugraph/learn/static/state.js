"use strict";
/**
 * What the reader has set, kept in the address behind #, so that a link or a reload brings it back.
 * Only what differs from the default is written there: #H=6&F=3&x=[[1,2],[3,4]]
 *
 *   const state = learn.state({ H: 5, F: 3 }, (s) => { s.F = Math.min(s.F, s.H); });
 *   state.watch((s) => draw(s.H, s.F));     // now, and after each change
 *   state.set({ H: 6 });
 *
 * @param {Object} defaults  numbers, strings, booleans, or (nested) arrays of numbers
 * @param {(values: Object) => void} [limit]  brings values into what is allowed, in place
 */
learn.state = (defaults, limit = () => {}) => {
  const watchers = [];
  let values = read();
  let timer = null;

  function read() {
    const found = structuredClone(defaults);
    for (const [key, text] of new URLSearchParams(location.hash.slice(1))) {
      const value = key in defaults ? parse(text, defaults[key]) : undefined;
      if (value !== undefined) found[key] = value;
    }
    limit(found);
    return found;
  }

  function write() {
    timer = null;
    const parts = Object.keys(defaults)
      .filter((key) => JSON.stringify(values[key]) !== JSON.stringify(defaults[key]))
      .map((key) => `${key}=${encode(values[key])}`);
    try { // not allowed in a notebook's frame
      history.replaceState(null, "", parts.length ? `#${parts.join("&")}` : "#");
    } catch { /* then the state lives as long as the page */ }
  }

  function changed() {
    for (const f of watchers) f(values);
  }

  window.addEventListener("hashchange", () => {
    clearTimeout(timer);
    timer = null;
    values = read();
    changed();
  });
  window.addEventListener("pagehide", () => timer !== null && write());

  return {
    get values() { return values; },
    /** Change some values, bring them into what is allowed, tell everyone. */
    set(changes) {
      const next = { ...structuredClone(values), ...changes };
      limit(next);
      values = next;
      changed();
      if (timer === null) timer = setTimeout(write, 120); // browsers refuse hundreds in a row
    },
    /** Call f(values) now and after each change. */
    watch(f) {
      watchers.push(f);
      f(values);
    },
    /** Everything as it was at first. */
    reset() { this.set(structuredClone(defaults)); },
  };

  function parse(text, like) {
    if (typeof like === "string") return text;
    if (typeof like === "boolean") return text === "1";
    if (typeof like === "number") {
      const x = Number(text);
      return text.trim() !== "" && Number.isFinite(x) ? x : undefined;
    }
    try {
      const array = JSON.parse(text);
      const finite = (a) => (Array.isArray(a) ? a.every(finite) : Number.isFinite(a));
      return Array.isArray(array) && finite(array) ? array : undefined;
    } catch {
      return undefined; // someone's typing error in the address: the default
    }
  }

  function encode(value) {
    if (typeof value === "boolean") return value ? "1" : "0";
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    return encodeURIComponent(text).replace(/%(5B|5D|2C)/g, decodeURIComponent);
  }
};

/** Call f now, and whenever colours change (light or dark) or the page gets another width. */
learn.onLook = (f) => {
  f();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", f);
  new MutationObserver(f).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  let width = innerWidth;
  window.addEventListener("resize", () => {
    if (innerWidth !== width) f();
    width = innerWidth;
  });
};
