// Canvases in the screen's own pixels: with fewer of them, what is drawn is blurred.

/** Device pixels per CSS pixel beyond which more cost more than they show. */
const RATIO_MAX = 2;

/**
 * Gives a canvas the pixels it covers on the screen. If that changes their number, the canvas is empty afterwards.
 * @param {HTMLCanvasElement} canvas
 * @returns {number} device pixels per CSS pixel
 */
export function fitCanvas(canvas) {
  const ratio = Math.min(devicePixelRatio || 1, RATIO_MAX);
  const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  const height = Math.max(1, Math.round(canvas.clientHeight * ratio));
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  return ratio;
}

/**
 * Fits a canvas to its window and a view to the canvas. The view's area is the same for all: what does not fit its shape is
 * cut off, never added.
 * @param {HTMLCanvasElement} canvas
 * @param {readonly [number, number]} view its width and height in units
 */
export function fitView(canvas, [viewWidth, viewHeight]) {
  const ratio = fitCanvas(canvas);
  const { width, height } = canvas;
  const scale = Math.max(width / viewWidth, height / viewHeight);
  return { ratio, halfWidth: width / scale / 2, halfHeight: height / scale / 2, pixelsPerUnit: scale / ratio };
}
