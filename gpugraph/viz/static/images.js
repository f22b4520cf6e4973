{
  const el = gg.el;

  /** Grids of filters, feature maps or gradient images; a click shows a tile large. */
  gg.pictures = (images) =>
    images.map((image) => {
      const size = Math.max(
        28,
        Math.min(96, Math.floor(320 / Math.max(1, Math.min(image.columns, image.tiles.length))) - 4),
      );
      const ratio = image.height / image.width;
      const tiles = image.tiles.map((src, i) => {
        const tile = el(
          "img",
          {
            src,
            width: size,
            height: Math.round(size * ratio),
            alt: `${image.title} ${i}`,
            title: `number ${i}`,
            tabindex: 0,
          },
        );
        const grow = () => tile.classList.toggle("large");
        tile.addEventListener("click", grow);
        tile.addEventListener("keydown", (e) => e.key === "Enter" && grow());
        return tile;
      });
      const range = `black ${gg.real(image.low)}, white ${gg.real(image.high)}`;
      return el(
        "figure",
        { class: "pictures" },
        el("figcaption", {}, `${image.title}, ${image.height}×${image.width}, ${range}`),
        el("div", { class: "tiles" }, ...tiles),
      );
    });
}
