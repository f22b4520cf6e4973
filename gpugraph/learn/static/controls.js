"use strict";
/*
 * Controls bound to a state: real inputs and buttons with labels, so that the keyboard works.
 * `key` names the value in the state. min and max may be functions of the values.
 */
{
  const { el } = learn;
  let count = 0;
  const name = () => `control-${++count}`;
  const of = (bound, values) => (typeof bound === "function" ? bound(values) : bound);

  /**
   * A slider with a label and a field for the number.
   * @param {{label: string, letter?: string, min: number|Function, max: number|Function,
   *          step?: number, title?: string}} how  letter: the variable, before the label
   */
  learn.slider = (state, key, how) => {
    const id = name();
    const range = el("input", { type: "range", id, "data-key": key });
    const field = el("input", { type: "number", "aria-label": how.label, "data-field": key });
    for (const input of [range, field]) {
      input.step = how.step || 1;
      input.addEventListener("input", () => {
        const x = input.valueAsNumber;
        const inside = x >= Number(range.min) && x <= Number(range.max);
        if (inside) state.set({ [key]: x });
      });
      // a number out of bounds, or none: back to what is
      input.addEventListener("change", () => { input.value = state.values[key]; });
    }
    state.watch((values) => {
      for (const input of [range, field]) {
        input.min = of(how.min, values);
        input.max = of(how.max, values);
        // not while someone types "-" or "1.", whose value is the same or none
        if (input.valueAsNumber !== values[key]) input.value = values[key];
      }
    });
    return el("div", { class: "control slider", title: how.title },
      el("label", { for: id }, how.letter ? el("var", {}, how.letter) : null, how.letter ? " " : null, how.label),
      range, field);
  };

  /** A check box. @param {{label: string}} how */
  learn.check = (state, key, how) => {
    const box = el("input", { type: "checkbox", "data-key": key,
      onchange: () => state.set({ [key]: box.checked }) });
    state.watch((values) => { box.checked = values[key]; });
    return el("label", { class: "control check" }, box, " ", how.label);
  };

  /**
   * A choice of one among several: a list to open, or radio buttons side by side.
   * @param {{label: string, options: Array<[string|number, string]>, radio?: boolean}} how
   */
  learn.choose = (state, key, how) => {
    const set = (text) => state.set({ [key]: how.options.find(([v]) => String(v) === text)[0] });
    if (how.radio) {
      const group = name();
      const radios = how.options.map(([value]) => el("input", { type: "radio", name: group,
        value, "data-key": key, onchange: (event) => set(event.target.value) }));
      state.watch((values) => {
        for (const radio of radios) radio.checked = radio.value === String(values[key]);
      });
      return el("fieldset", { class: "control radios" }, el("legend", {}, how.label),
        ...how.options.map(([, text], i) => el("label", {}, radios[i], " ", text)));
    }
    const id = name();
    const list = el("select", { id, "data-key": key, onchange: () => set(list.value) },
      ...how.options.map(([value, text]) => el("option", { value }, text)));
    state.watch((values) => { list.value = values[key]; });
    return el("div", { class: "control choose" }, el("label", { for: id }, how.label), list);
  };

  /** A node that is there only while shown(values). */
  learn.when = (state, shown, node) => {
    state.watch((values) => { node.hidden = !shown(values); });
    return node;
  };

  /** A button. */
  learn.button = (text, onclick, attributes = {}) =>
    el("button", { type: "button", onclick, ...attributes }, text);

  /**
   * Back, play or pause, next, and a slider over steps 0 to count - 1.
   * @param {{label: string, count: (values: Object) => number, pace?: number,
   *          say?: (step: number, values: Object) => string}} how  pace: milliseconds a step
   */
  learn.stepper = (state, key, how) => {
    let timer = null;
    const id = name();
    const steps = () => how.count(state.values);
    const go = (step) => state.set({ [key]: Math.min(Math.max(0, step), Math.max(0, steps() - 1)) });
    const stop = () => {
      clearInterval(timer);
      timer = null;
      play.textContent = "▶ Play";
    };
    const by = (d) => () => { stop(); go(state.values[key] + d); };
    const back = learn.button("◀", by(-1), { "aria-label": "Step back", class: "back" });
    const next = learn.button("▶▏", by(1), { "aria-label": "Step on", class: "next" });
    const play = learn.button("▶ Play", () => {
      if (timer !== null) return stop();
      if (state.values[key] >= steps() - 1) go(0);
      play.textContent = "❚❚ Pause";
      timer = setInterval(() => {
        go(state.values[key] + 1);
        if (state.values[key] >= steps() - 1) stop();
      }, how.pace || 700);
      return undefined;
    }, { class: "play" });
    const range = el("input", { type: "range", id, min: 0, "data-key": key,
      oninput: () => { stop(); go(range.valueAsNumber); } });
    const said = el("output", { for: id });
    state.watch((values) => {
      const n = how.count(values);
      range.max = Math.max(0, n - 1);
      range.value = values[key];
      back.disabled = values[key] <= 0;
      next.disabled = values[key] >= n - 1;
      play.disabled = n < 2;
      said.textContent = how.say ? how.say(values[key], values) : n ? `${values[key] + 1} of ${n}` : "";
    });
    return el("div", { class: "control stepper", role: "group", "aria-label": how.label },
      el("label", { for: id }, how.label), el("span", { class: "buttons" }, back, play, next), range, said);
  };
}
