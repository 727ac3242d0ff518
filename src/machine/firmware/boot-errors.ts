/** A boot image that cannot be loaded. The message names the image first, then the reason. */
export class BootImageError extends RangeError {
  readonly image: string;
  readonly reason: string;

  constructor(what: string, image: string, reason: string, options?: ErrorOptions) {
    super(`Cannot load ${what} "${image}": ${reason}`, options);
    this.name = 'BootImageError';
    this.image = image;
    this.reason = reason;
  }
}

/** A kernel file that is damaged or not of a supported kind; `field` names what is wrong in its format's own words. */
export class KernelFormatError extends BootImageError {
  readonly field: string;

  constructor(image: string, field: string, reason: string, options?: ErrorOptions) {
    super('kernel', image, reason, options);
    this.name = 'KernelFormatError';
    this.field = field;
  }
}

/** A kernel, an initial RAM disk or a module that the guest's memory does not hold. */
export class BootMemoryError extends BootImageError {
  readonly neededBytes: number;
  readonly availableBytes: number;

  constructor(what: string, image: string, reason: string, sizes: { neededBytes: number; availableBytes: number }) {
    super(what, image, reason);
    this.name = 'BootMemoryError';
    this.neededBytes = sizes.neededBytes;
    this.availableBytes = sizes.availableBytes;
  }
}

/** A kernel command line that the kernel could not take whole. */
export class CommandLineError extends BootImageError {
  constructor(image: string, reason: string) {
    super('kernel', image, reason);
    this.name = 'CommandLineError';
  }
}
