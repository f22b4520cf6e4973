"use strict";
/* Drawing: grids of numbers, which can be edited, arrows, curves. */
{
  const { el, svg } = learn;

  /**
   * A grid of numbers with a caption, drawn as SVG; cells can be inputs.
   *
   *   const grid = learn.grid({ caption: "image", cell: 40, edit: (i, j, x) => ... });
   *   box.append(grid.node);
   *   grid.show([[1, 2], [3, 4]], { frames: [{ row: 0, column: 0, height: 2, width: 2 }] });
   *
   * how (all optional):
   *   caption   text above
   *   cell      side of a cell in pixels (default 38)
   *   colour    "signed" (default; blue below 0, orange above), "ink" (0 is paper), "plain"
   *   edit      (row, column, number) => void: cells become fields, and this is called
   *   pick      (row, column) => void: called for a click on a cell
   *   numbers   false: no text in the cells
   *   name      for readers of the screen, and data-name for tests
   * show(values, how):
   *   values    rows of numbers; null is an empty cell
   *   frames    [{row, column, height, width, kind}]: rectangles in cells, may lie between cells;
   *             kind "main" (default), "soft", "good", "error"
   *   kind      (row, column) => "", "pad", "hit", "unseen", "next" ...: a class of the cell
   *   pad       draw so many zeros around the values, outside of what is counted
   *   limit     number of the deepest colour (default: largest size among the values)
   *   caption, cell, text: (value, row, column) => string
   */
  learn.grid = (fixed = {}) => {
    const caption = el("figcaption");
    const paper = el("div", { class: "cells" });
    const node = el("figure", { class: "grid", "data-name": fixed.name }, caption, paper);
    let fields = [];
    let shape = "";

    function show(values, how = {}) {
      how = { ...fixed, ...how };
      const cell = how.cell || 38;
      const rows = values.length;
      const columns = rows ? values[0].length : 0;
      caption.textContent = how.caption || "";
      const drawing = draw(values, how, cell, rows, columns);
      const old = paper.querySelector("svg");
      if (old) old.replaceWith(drawing);
      else paper.prepend(drawing);
      if (how.edit) edit(values, how, cell, rows, columns);
    }

    function edit(values, how, cell, rows, columns) {
      const wanted = `${rows}x${columns}x${cell}`;
      if (shape !== wanted) { // else the same fields stay, and with them the cursor
        fields.forEach((field) => field.remove());
        fields = values.flatMap((row, i) => row.map((_, j) => fieldOf(how, i, j, cell, columns)));
        paper.append(...fields);
        shape = wanted;
      }
      values.flat().forEach((x, at) => {
        const typing = fields[at] === document.activeElement && learn.number(fields[at].value) === x;
        if (!typing) fields[at].value = learn.text(x, 4).replaceAll(",", "");
      });
    }

    function fieldOf(how, i, j, cell, columns) {
      const step = { ArrowUp: -columns, ArrowDown: columns };
      const field = el("input", {
        type: "text", inputmode: "decimal", "data-cell": `${i},${j}`,
        "aria-label": `${how.name || how.caption || "cell"}, row ${i + 1}, column ${j + 1}`,
        style: `left:${j * cell + 3}px;top:${i * cell + 3}px;width:${cell - 4}px;height:${cell - 4}px`,
        oninput: () => {
          const x = learn.number(field.value);
          field.classList.toggle("wrong", Number.isNaN(x));
          if (!Number.isNaN(x)) how.edit(i, j, x);
        },
        onblur: () => {
          field.classList.remove("wrong");
          if (Number.isNaN(learn.number(field.value))) how.edit(i, j, 0);
        },
        onfocus: () => field.select(),
        onkeydown: (event) => {
          const other = fields[i * columns + j + (step[event.key] || 0)];
          if (!step[event.key] || !other) return;
          event.preventDefault();
          other.focus();
        },
      });
      return field;
    }

    return { node, show };
  };

  /** The SVG of a grid: cells, numbers, frames. */
  function draw(values, how, cell, rows, columns) {
    const sizes = values.flat().filter((x) => Number.isFinite(x)).map(Math.abs);
    const limit = how.limit || Math.max(...sizes, 0) || 1;
    const width = columns * cell + 4;
    const height = rows * cell + 4;
    const parts = around(rows, columns, how.pad || 0, cell);
    values.forEach((row, i) => row.forEach((x, j) => {
      const kind = how.kind ? how.kind(i, j) || "" : "";
      const place = { x: j * cell + 2, y: i * cell + 2, width: cell, height: cell };
      const pick = how.pick && (() => how.pick(i, j));
      parts.push(svg("rect", { ...place, class: `cell ${kind}`, "data-cell": `${i},${j}`,
        ...(pick ? { onclick: pick } : {}) }));
      if (x != null && how.colour !== "plain") {
        parts.push(svg("rect", { ...place, class: `heat ${how.colour === "ink" ? "ink" : x < 0 ? "minus" : "plus"}`,
          "fill-opacity": learn.opacity(x, limit, how) }));
      }
      if (x == null || how.edit || how.numbers === false) return;
      const text = how.text ? how.text(x, i, j) : learn.text(x, 3);
      parts.push(svg("text", { x: j * cell + 2 + cell / 2, y: i * cell + 2 + cell / 2, class: kind,
        "font-size": Math.min(16, cell * 0.42, (cell - 3) / (0.58 * Math.max(1, text.length))) }, text));
    }));
    for (const f of how.frames || []) {
      parts.push(svg("rect", { x: f.column * cell + 2, y: f.row * cell + 2, width: f.width * cell,
        height: f.height * cell, class: `frame ${f.kind || "main"}`, rx: 2 }));
    }
    return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": spoken(values, how) }, ...parts);
  }

  /** Padding: zeros outside of the grid. */
  function around(rows, columns, pad, cell) {
    const parts = [];
    for (let i = -pad; i < rows + pad; i++) {
      for (let j = -pad; j < columns + pad; j++) {
        if (i >= 0 && i < rows && j >= 0 && j < columns) continue;
        const [x, y] = [j * cell + 2, i * cell + 2];
        parts.push(svg("rect", { x, y, width: cell, height: cell, class: "cell pad" }),
          svg("text", { x: x + cell / 2, y: y + cell / 2, "font-size": Math.min(16, cell * 0.42), class: "pad" }, "0"));
      }
    }
    return parts;
  }

  /** Numbers that are written on stay pale; a picture may be as deep as it goes. */
  learn.opacity = (x, limit, how) => {
    const share = Math.min(1, Math.abs(x) / limit);
    return Number.isFinite(share) ? (share * (how.numbers === false ? 1 : 0.55)).toFixed(3) : 1;
  };

  /** A grid in words, if it is small. */
  function spoken(values, how) {
    const name = how.name || how.caption || "grid";
    if (how.edit || how.numbers === false || values.flat().length > 100) return name;
    const rows = values.map((row) => row.map((x) => (x == null ? "empty" : learn.text(x, 3))).join(" "));
    return `${name}: ${rows.join("; ")}`;
  }

  /** A sign between two figures: "∗", "=", "→", with a text below it. */
  learn.sign = (sign, text = "") =>
    el("div", { class: "sign" }, el("span", {}, sign), text ? el("small", {}, text) : null);

  /** Side of a cell so that so many columns fit into what a node has of width. */
  learn.fit = (node, columns, most = 40, least = 18) =>
    Math.max(least, Math.min(most, Math.floor((node.clientWidth - 8) / columns)));

  /** The value of a colour of theme.css, such as "--plus", as [red, green, blue]. */
  learn.colour = (variable) => {
    const canvas = learn.colour.canvas || (learn.colour.canvas = document.createElement("canvas"));
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(variable).trim();
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  };

  /**
   * A picture with many pixels, drawn on a canvas; colours as learn.grid has them, and "photo": the
   * least value is black, the largest white.
   * @param {number[][]} values
   * @param {{scale?: number, colour?: string, limit?: number, name?: string}} how
   */
  learn.picture = (values, how = {}) => {
    const rows = values.length;
    const columns = values[0].length;
    const canvas = el("canvas", { width: columns, height: rows, class: "pixels", role: "img",
      "aria-label": how.name || "picture",
      style: `width:${columns * (how.scale || 4)}px;height:${rows * (how.scale || 4)}px` });
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(columns, rows);
    const flat = values.flat();
    const [low, high] = how.colour === "photo" ? [Math.min(...flat), Math.max(...flat)] : [0, 0];
    const limit = how.limit || Math.max(...flat.map(Math.abs)) || 1;
    const paper = learn.colour("--paper");
    const inks = { plus: learn.colour("--plus"), minus: learn.colour("--minus"), ink: learn.colour("--ink") };
    flat.forEach((x, at) => {
      const ink = how.colour === "ink" ? inks.ink : x < 0 ? inks.minus : inks.plus;
      const share = Math.min(1, Math.abs(x) / limit);
      for (const c of [0, 1, 2]) {
        image.data[4 * at + c] = how.colour === "photo" ? (255 * (x - low)) / (high - low || 1)
          : paper[c] + share * (ink[c] - paper[c]);
      }
      image.data[4 * at + 3] = 255;
    });
    pen.putImageData(image, 0, 0);
    return canvas;
  };
}
