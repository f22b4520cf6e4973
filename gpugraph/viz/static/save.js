{
  const save = (name, blob) => {
    const url = URL.createObjectURL(blob);
    gg.el("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  };
  const nameOf = (app) => (app.model.meta.title || "graph").replace(/[^\w.-]+/g, "-").slice(0, 60) || "graph";

  /** What is shown as an SVG text that needs no style sheet: the whole drawing, with its headings. */
  gg.svgText = (app) => {
    const { scene, painter } = app;
    const host = gg.el("div");
    const drawing = new gg.SvgDrawing(host);
    drawing.draw(scene, app.lines);
    drawing.paint(painter, new Map());
    drawing.mark(app.marks());
    const c = painter.colours;
    const svg = drawing.root;
    const [w, h] = [scene.width + 40, scene.height + 50];
    svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    svg.setAttribute("viewBox", `-20 -34 ${w} ${h}`);
    svg.setAttribute("width", w);
    svg.setAttribute("height", h);
    svg.setAttribute("font-family", getComputedStyle(document.body).fontFamily);
    svg.removeAttribute("aria-hidden");
    svg.removeAttribute("class");
    for (const part of svg.querySelectorAll("defs [id]")) part.id = `saved-${part.id}`; // it may be printed beside the other
    for (const part of svg.querySelectorAll("[marker-end], [fill^=url]")) {
      for (const name of ["marker-end", "fill"]) part.setAttribute(
        name,
        (part.getAttribute(name) ?? "none").replace("url(#", "url(#saved-"),
      );
    }
    svg.querySelector("#saved-hatch .ground").setAttribute("fill", c.paper);
    svg.querySelector("#saved-hatch .stripe").setAttribute("fill", c["constant-line"]);
    for (const box of svg.querySelectorAll(".selected > rect:not(.behind)")) box.setAttribute("stroke-width", "4");
    for (const box of svg.querySelectorAll(".dim")) box.setAttribute("opacity", "0.35");
    for (const head of scene.heads) drawing.world.append(gg.el(
      "svg:text",
      { x: head.x, y: -12, "text-anchor": "middle", "font-size": 15, "font-weight": 600, fill: c.muted },
      head.text,
    ));
    svg.prepend(
      gg.el("svg:title", {}, app.model.meta.title || "graph"),
      gg.el("svg:rect", { x: -20, y: -34, width: w, height: h, fill: c.paper }),
    );
    return new XMLSerializer().serializeToString(svg);
  };

  gg.saveSvg = (app) => save(`${nameOf(app)}.svg`, new Blob([gg.svgText(app)], { type: "image/svg+xml" }));
  gg.saveJson = (app) => save(
    `${nameOf(app)}.json`,
    new Blob([document.getElementById("graph").textContent], { type: "application/json" }),
  );

  /** A PNG of twice the size, as far as a canvas may be that large: a promise of the blob. */
  gg.pngOf = (app) =>
    new Promise((done, failed) => {
      const image = new Image();
      image.onload = () => {
        const scale = Math.min(2, 16000 / Math.max(image.width, image.height));
        const canvas = gg.el(
          "canvas",
          { width: Math.round(image.width * scale), height: Math.round(image.height * scale) },
        );
        canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
        canvas.toBlob(done, "image/png");
      };
      image.onerror = failed;
      image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(gg.svgText(app));
    });
  gg.savePng = (app) => gg.pngOf(app).then((blob) => save(`${nameOf(app)}.png`, blob));
}
