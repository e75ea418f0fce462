// A button that copies a text, and says that it has.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { tell, tellProblem } from "../model/toasts.js";
import { Check, Copy } from "./icons.js";

export function CopyButton({ what, text }: { readonly what: "code" | "link"; readonly text: string }): JSX.Element {
  const [copied, setCopied] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      timer.current = setTimeout(() => setCopied(false), 2500);
      tell(what === "code" ? "Code copied" : "Link copied");
    } catch (error) {
      tellProblem(error);
    }
  };
  return (
    <button type="button" class="button-quiet" data-testid={`copy-${what}`} onClick={() => void copy()}>
      {copied ? <Check /> : <Copy />} Copy {what}
    </button>
  );
}
