{
  const el = gg.el;

  /** A histogram of 32 bins from min to max, as SVG with its numbers in the title. */
  gg.histogram = (stats, wide = 330, high = 70) => {
    const counts = stats.hist ?? [];
    const most = Math.max(1, ...counts);
    const w = wide / Math.max(1, counts.length);
    const bars = counts.map((n, i) => el(
      "svg:rect",
      { x: i * w, y: high - (n / most) * high, width: Math.max(1, w - 1), height: (n / most) * high },
      el("svg:title", {}, `${gg.whole(n)} values`),
    ));
    const svg = el(
      "svg:svg",
      {
        class: "histogram",
        viewBox: `0 0 ${wide} ${high + 16}`,
        role: "img",
        "aria-label": `histogram from ${gg.real(stats.min)} to ${gg.real(stats.max)}`,
      },
      ...bars,
    );
    const low = gg.number(stats.min), top = gg.number(stats.max);
    if (low < 0 && top > 0) {
      const x = (-low / (top - low)) * wide;
      svg.append(el("svg:path", { class: "zero", d: `M${x} 0V${high}` }));
      if (x > 60 && x < wide - 60) svg.append(el(
        "svg:text",
        { x, y: high + 13, "text-anchor": "middle" },
        "0",
      ));
    }
    svg.append(
      el("svg:text", { x: 0, y: high + 13 }, gg.real(stats.min)),
      el("svg:text", { x: wide, y: high + 13, "text-anchor": "end" }, gg.real(stats.max)),
    );
    return svg;
  };

  /** One line of a share bar: name, bar, number. */
  const share = (name, value, total, text, go) =>
    el(
      "div",
      { class: "share" },
      go ? el("button", { class: "go", onclick: go }, name) : el("span", {}, name),
      el("span", { class: "track" }, el("i", { style: `width:${total ? (100 * value) / total : 0}%` })),
      el("span", { class: "number" }, text),
    );
  gg.share = share;

  /**
   * Bytes held over time as an area: `points` are bytes, `split` of them of the forward pass.
   * Gives {svg, at(i)}: `at` moves the cursor.
   */
  gg.memoryCurve = (points, base, split, pick) => {
    const W = 600, H = 64;
    const most = base + Math.max(1, ...points);
    const x = (i) => (points.length > 1 ? (i / (points.length - 1)) * W : 0);
    const y = (v) => H - (v / most) * (H - 4);
    const top = points.map((v, i) => `${i ? "L" : "M"}${x(i)} ${y(base + v)}`).join("");
    const cursor = el("svg:path", { class: "cursor", d: "" });
    const dot = el("svg:circle", { class: "dot", r: 4, cx: -9, cy: 0 });
    const svg = el("svg:svg", {
      class: "curve",
      viewBox: `0 0 ${W} ${H}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `memory held: at most ${gg.bytes(most)}`,
    },
      el("svg:path", { class: "area", d: `${top}L${W} ${H}L0 ${H}z` }),
      el("svg:path", { class: "base", d: `M0 ${y(base)}H${W}V${H}H0z` }),
      el("svg:path", { class: "top", d: top }),
      split > 0 && split < points.length ? el("svg:path", { class: "split", d: `M${x(split - 0.5)} 0V${H}` }) : null,
      cursor, dot);
    svg.addEventListener("pointerdown", (e) => {
      const box = svg.getBoundingClientRect();
      pick(Math.round(((e.clientX - box.left) / box.width) * (points.length - 1)));
    });
    return { svg, most, at: (i) => {
      const known = i >= 0 && i < points.length;
      cursor.setAttribute("d", known ? `M${x(i)} 0V${H}` : "");
      dot.setAttribute("cx", known ? x(i) : -9);
      dot.setAttribute("cy", known ? y(base + points[i]) : 0);
    } };
  };
}
