/** Texts that are kept for long. */

const encoder = new TextEncoder()
const decoder = /* @__PURE__ */ new TextDecoder("utf-8", { ignoreBOM: true })

/** A well-formed text in memory of its own: one that was cut out of a larger one keeps all of that in memory. */
export const ownText = (text: string): string => decoder.decode(encoder.encode(text))
