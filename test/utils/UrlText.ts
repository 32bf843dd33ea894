import { Schema, SchemaGetter } from "effect"

/** URLs as text, by a schema that throws at what is none. */
export const UrlText = Schema.String.pipe(
  Schema.decodeTo(Schema.instanceOf(URL), {
    decode: SchemaGetter.transform((text: string) => new URL(text)),
    encode: SchemaGetter.transform((url) => url.href)
  })
)
