declare module "docs:examples" {
  /** Every page of documentation with its examples. */
  export const pages: readonly {
    readonly page: string;
    readonly examples: readonly { readonly title: string; readonly run: () => Promise<void> }[];
  }[];
}
