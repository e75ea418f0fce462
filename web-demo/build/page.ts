// A Vite plugin for the page: fonts are asked for at once, so that words do not jump; development may inject styles.

import type { Plugin } from "vite";

const early = /(bricolage-grotesque|figtree)-latin-wght-normal.*\.woff2$/;

export function page(): Plugin[] {
  return [
    {
      name: "saltbox-preload-fonts",
      apply: "build",
      transformIndexHtml: {
        order: "post",
        handler: (_, { bundle }) =>
          Object.keys(bundle ?? {})
            .filter((path) => early.test(path))
            .map((path) => ({
              tag: "link",
              attrs: { rel: "preload", as: "font", type: "font/woff2", href: `./${path}`, crossorigin: true },
              injectTo: "head-prepend" as const,
            })),
      },
    },
    {
      name: "saltbox-development-styles",
      apply: "serve",
      transformIndexHtml: (html) => html.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'"),
    },
  ];
}
