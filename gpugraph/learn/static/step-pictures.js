"use strict";
/**
 * A picture to click into, with a frame on it: what learn.grid is for many pixels.
 * @param {{name: string, pick?: (row: number, column: number) => void}} fixed
 */
learn.framed = (fixed) => {
  const { el, svg } = learn;
  const caption = el("figcaption");
  const paper = el("div", { class: "cells" });
  const node = el("figure", { class: "grid", "data-name": fixed.name }, caption, paper);
  return {
    node,
    /** frame: {row, column, height, width} in pixels of the picture; the rest as learn.picture. */
    show(values, { frame, scale, caption: text, colour, limit }) {
      caption.textContent = text;
      const canvas = learn.picture(values, { scale, colour, limit, name: text });
      const [width, height] = [values[0].length * scale, values.length * scale];
      const layer = svg("svg", { class: "layer", width, height, "aria-hidden": true },
        svg("rect", { class: "frame main", x: frame.column * scale, y: frame.row * scale,
          width: frame.width * scale, height: frame.height * scale }));
      if (fixed.pick) {
        layer.addEventListener("click", (event) =>
          fixed.pick(Math.floor(event.offsetY / scale), Math.floor(event.offsetX / scale)));
      }
      learn.put(paper, canvas, layer);
    },
  };
};
