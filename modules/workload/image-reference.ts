/** A container image: its URI with tag or digest, or anything that knows it, such as a `SidecarImage`. */
export type ImageReference = string | { readonly uri: string };

/** The URI to pull. May be unresolved. */
export function imageUri(image: ImageReference): string {
  return typeof image === 'string' ? image : image.uri;
}
