/** An image that isn't in the store, and perhaps isn't known at all. */
export class ImageNotFoundError extends Error {
  readonly image: string;

  constructor(action: string, image: string, reason: string) {
    super(`Cannot ${action} image "${image}": ${reason}`);
    this.name = 'ImageNotFoundError';
    this.image = image;
  }
}

/** An image whose files are not what was stored; `field` names the manifest's field, or the file. */
export class ImageDamagedError extends RangeError {
  readonly image: string;
  readonly field: string;

  constructor(image: string, field: string, reason: string, options?: ErrorOptions) {
    super(`Cannot open image "${image}": ${reason}; remove it and pull it again`, options);
    this.name = 'ImageDamagedError';
    this.image = image;
    this.field = field;
  }
}

/** A pull that this machine's tools don't allow. */
export class ImagePullError extends Error {
  readonly image: string;

  constructor(image: string, reason: string, options?: ErrorOptions) {
    super(`Cannot pull image "${image}": ${reason}`, options);
    this.name = 'ImagePullError';
    this.image = image;
  }
}
