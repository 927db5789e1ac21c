// Just enough of PNG to look at a screenshot's pixels.

import { inflateSync } from 'node:zlib';

/** A screenshot as rows of pixels of three or four bytes. */
export class Picture {
  /** @param {Buffer} png with 8 bits per channel, not interlaced, as Chromium writes them */
  constructor(png) {
    this.width = png.readUInt32BE(16);
    this.height = png.readUInt32BE(20);
    const [depth, colour, , , interlace] = png.subarray(24, 29);
    if (depth !== 8 || interlace !== 0 || (colour !== 2 && colour !== 6)) throw new Error('not such a PNG');
    this.channels = colour === 2 ? 3 : 4;
    const data = [];
    for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
      const length = png.readUInt32BE(at);
      if (png.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(png.subarray(at + 8, at + 8 + length));
    }
    this.pixels = unfilter(inflateSync(Buffer.concat(data)), this.width * this.channels, this.height, this.channels);
  }

  /**
   * The mean brightness, 0 to 255, of the square around a place.
   * @param {number} x @param {number} y @param {number} half its half side
   */
  brightness(x, y, half) {
    let [sum, count] = [0, 0];
    for (let row = Math.round(y - half); row <= y + half; row++) {
      for (let column = Math.round(x - half); column <= x + half; column++) {
        if (row < 0 || column < 0 || row >= this.height || column >= this.width) continue;
        const at = (row * this.width + column) * this.channels;
        sum += this.pixels[at] + this.pixels[at + 1] + this.pixels[at + 2];
        count += 3;
      }
    }
    return count ? sum / count : 0;
  }
}

/** Undoes the filters of PNG's section 9. @param {Buffer} raw @param {number} stride @param {number} height @param {number} bpp */
function unfilter(raw, stride, height, bpp) {
  const out = Buffer.alloc(stride * height);
  for (let row = 0; row < height; row++) {
    const filter = raw[row * (stride + 1)];
    for (let i = 0; i < stride; i++) {
      const at = row * stride + i;
      const left = i >= bpp ? out[at - bpp] : 0;
      const up = row > 0 ? out[at - stride] : 0;
      const corner = i >= bpp && row > 0 ? out[at - stride - bpp] : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      out[at] = raw[row * (stride + 1) + 1 + i] + guess;
    }
  }
  return out;
}

/** @param {number} left @param {number} up @param {number} corner */
function paeth(left, up, corner) {
  const guess = left + up - corner;
  const distances = [left, up, corner].map((value) => Math.abs(guess - value));
  return [left, up, corner][distances.indexOf(Math.min(...distances))];
}
