// Draws a picture with WebGL2: the core's arrays go to the card as they lie in its memory, one draw call per kind.

import { fitCanvas } from './canvas.js';
import * as shaders from './shaders.js';

/** @import { Core } from './core.js' */
/** @import { Attribute } from './shaders.js' */

/** Sizes of the views in units, by aspect class; see `Aspect::view_size` in the protocol. */
export const VIEWS = [
  [678, 1204],
  [1043, 782],
  [1200, 680],
  [1380, 591],
];

/** The class whose shape is nearest to a window's. @param {number} width @param {number} height */
export function aspectOf(width, height) {
  const distance = (/** @type {number[]} */ [w, h]) => Math.abs(Math.log((w / h) * (height / width)));
  const distances = VIEWS.map(distance);
  return distances.indexOf(Math.min(...distances));
}

/** One kind of thing: its program, and the buffer its instances go to. */
class Layer {
  /**
   * @param {WebGL2RenderingContext} gl
   * @param {{ vertex: string, fragment: string, attributes: Attribute[] }} shader
   * @param {WebGLBuffer} corners
   */
  constructor(gl, shader, corners) {
    this.gl = gl;
    this.program = build(gl, shader.vertex, shader.fragment);
    this.floats = shader.attributes.reduce((sum, attribute) => sum + attribute.floats, 0);
    this.buffer = gl.createBuffer();
    this.array = gl.createVertexArray();
    gl.bindVertexArray(this.array);
    gl.bindBuffer(gl.ARRAY_BUFFER, corners);
    const corner = gl.getAttribLocation(this.program, 'corner');
    gl.enableVertexAttribArray(corner);
    gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    let offset = 0;
    for (const { name, floats } of shader.attributes) {
      const location = gl.getAttribLocation(this.program, name);
      // A compiler may leave out what does not matter.
      if (location >= 0) {
        gl.enableVertexAttribArray(location);
        gl.vertexAttribPointer(location, floats, gl.FLOAT, false, this.floats * 4, offset * 4);
        gl.vertexAttribDivisor(location, 1);
      }
      offset += floats;
    }
    /** @type {Map<string, WebGLUniformLocation | null>} */
    this.uniforms = new Map();
  }

  /** @param {string} name */
  uniform(name) {
    let location = this.uniforms.get(name);
    if (location === undefined) {
      location = this.gl.getUniformLocation(this.program, name);
      this.uniforms.set(name, location);
    }
    return location;
  }

  /**
   * @param {Float32Array} instances
   * @param {Picture} picture
   */
  draw(instances, picture) {
    const { gl } = this;
    const count = this.floats === 0 ? 1 : instances.length / this.floats;
    if (count === 0) return;
    gl.useProgram(this.program);
    gl.bindVertexArray(this.array);
    if (this.floats > 0) {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
      gl.bufferData(gl.ARRAY_BUFFER, instances, gl.STREAM_DRAW);
    }
    gl.uniform2f(this.uniform('scale'), 1 / picture.halfWidth, -1 / picture.halfHeight);
    gl.uniform2f(this.uniform('half_view'), picture.halfWidth, picture.halfHeight);
    gl.uniform2f(this.uniform('camera'), picture.x, picture.y);
    gl.uniform1f(this.uniform('time'), picture.time);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, count);
  }
}

/**
 * What all layers of one picture share: half the view's sides and the camera in units, the time in seconds.
 * @typedef {{ halfWidth: number, halfHeight: number, x: number, y: number, time: number }} Picture
 */

export class Renderer {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    const gl = canvas.getContext('webgl2', { alpha: false, antialias: true, powerPreference: 'high-performance' });
    if (!gl) throw new Error('This browser has no WebGL2, which the game draws with.');
    this.canvas = canvas;
    this.gl = gl;
    this.halfWidth = 600;
    this.halfHeight = 340;
    this.pixelsPerUnit = 1;
    this.prepare();
    // After a lost context everything on the card is gone.
    canvas.addEventListener('webglcontextlost', (event) => event.preventDefault());
    canvas.addEventListener('webglcontextrestored', () => this.prepare());
  }

  prepare() {
    const { gl } = this;
    const corners = /** @type {WebGLBuffer} */ (gl.createBuffer());
    gl.bindBuffer(gl.ARRAY_BUFFER, corners);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
    this.layers = {
      ground: new Layer(gl, shaders.ground, corners),
      walls: new Layer(gl, shaders.walls, corners),
      pickups: new Layer(gl, shaders.pickups, corners),
      sparks: new Layer(gl, shaders.sparks, corners),
      beams: new Layer(gl, shaders.beams, corners),
      bolts: new Layer(gl, shaders.bolts, corners),
      ships: new Layer(gl, shaders.ships, corners),
    };
    gl.enable(gl.BLEND);
    // Colours come multiplied already; what has less alpha than colour glows.
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  /**
   * Fits the canvas to the window. The view's area is the same for all: what does not fit its shape is cut off, never
   * added.
   * @param {number} aspect
   */
  fit(aspect) {
    const { canvas } = this;
    const ratio = fitCanvas(canvas);
    const { width, height } = canvas;
    const [viewWidth, viewHeight] = VIEWS[aspect] ?? VIEWS[2];
    const pixelsPerUnit = Math.max(width / viewWidth, height / viewHeight);
    this.halfWidth = width / pixelsPerUnit / 2;
    this.halfHeight = height / pixelsPerUnit / 2;
    this.pixelsPerUnit = pixelsPerUnit / ratio;
    this.gl.viewport(0, 0, width, height);
  }

  /**
   * Draws the core's last picture.
   * @param {Core} core
   * @param {Float32Array} sparks
   * @param {{ x: number, y: number, time: number }} moment
   */
  draw(core, sparks, moment) {
    const picture = { halfWidth: this.halfWidth, halfHeight: this.halfHeight, ...moment };
    const { layers } = this;
    if (!layers || this.gl.isContextLost()) return;
    layers.ground.draw(sparks, picture);
    layers.walls.draw(core.walls(), picture);
    layers.pickups.draw(core.pickups(), picture);
    layers.sparks.draw(sparks, picture);
    layers.beams.draw(core.beams(), picture);
    layers.bolts.draw(core.bolts(), picture);
    layers.ships.draw(core.ships(), picture);
  }
}

/** @param {WebGL2RenderingContext} gl @param {string} vertex @param {string} fragment */
function build(gl, vertex, fragment) {
  const program = gl.createProgram();
  const sources = /** @type {const} */ ([
    [gl.VERTEX_SHADER, vertex],
    [gl.FRAGMENT_SHADER, fragment],
  ]);
  for (const [kind, source] of sources) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
      throw new Error(`A shader cannot be compiled: ${gl.getShaderInfoLog(shader)}`);
    }
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(`A shader program cannot be linked: ${gl.getProgramInfoLog(program)}`);
  }
  return program;
}
