// Draws a picture with WebGL2: the core's arrays go to the card as they lie in its memory, one draw call per kind.

import { fitView } from './canvas.js';
import { SPARKS } from './effects.js';
import * as shaders from './shaders.js';

/** @import { Game, Rows } from './fracas.js' */
/** @import { Shader } from './shaders.js' */

/** One kind of thing: its program, and the buffer its instances go to. */
class Layer {
  /**
   * @param {WebGL2RenderingContext} gl
   * @param {Shader} shader
   * @param {WebGLBuffer} corners
   * @param {Pick<Rows, 'stride' | 'at'>} layout of its instances; without fields for the one of the ground
   */
  constructor(gl, shader, corners, layout) {
    this.gl = gl;
    this.program = build(gl, shader.vertex, shader.fragment);
    this.floats = layout.stride;
    this.buffer = gl.createBuffer();
    this.array = gl.createVertexArray();
    gl.bindVertexArray(this.array);
    gl.bindBuffer(gl.ARRAY_BUFFER, corners);
    const corner = gl.getAttribLocation(this.program, 'corner');
    gl.enableVertexAttribArray(corner);
    gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    for (const [name, fields] of Object.entries(shader.attributes)) {
      const location = gl.getAttribLocation(this.program, name);
      const offset = layout.at[fields[0]];
      if (fields.some((field, i) => layout.at[field] !== offset + i)) throw new Error(`no fields ${fields} in a row`);
      // A compiler may leave out what does not matter.
      if (location < 0) continue;
      gl.enableVertexAttribArray(location);
      gl.vertexAttribPointer(location, fields.length, gl.FLOAT, false, this.floats * 4, offset * 4);
      gl.vertexAttribDivisor(location, 1);
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
  /** @param {HTMLCanvasElement} canvas @param {Game} game whose arrays are drawn */
  constructor(canvas, game) {
    const gl = canvas.getContext('webgl2', { alpha: false, antialias: true, powerPreference: 'high-performance' });
    if (!gl) throw new Error('This browser has no WebGL2, which the game draws with.');
    this.canvas = canvas;
    this.game = game;
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
    const layer = (/** @type {Shader} */ shader, /** @type {string} */ array) =>
      new Layer(gl, shader, corners, this.game.rows(array));
    this.layers = {
      ground: new Layer(gl, shaders.ground, corners, { stride: 0, at: {} }),
      walls: layer(shaders.walls, 'walls'),
      pickups: layer(shaders.pickups, 'pickups'),
      sparks: new Layer(gl, shaders.sparks, corners, SPARKS),
      beams: layer(shaders.beams, 'beams'),
      bolts: layer(shaders.bolts, 'bolts'),
      ships: layer(shaders.ships, 'ships'),
    };
    gl.enable(gl.BLEND);
    // Colours come multiplied already; what has less alpha than colour glows.
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  /** Fits the canvas to the window. */
  fit() {
    const { halfWidth, halfHeight, pixelsPerUnit } = fitView(this.canvas, this.game.view);
    Object.assign(this, { halfWidth, halfHeight, pixelsPerUnit });
    this.gl.viewport(0, 0, this.canvas.width, this.canvas.height);
  }

  /**
   * Draws the game's last picture.
   * @param {Float32Array} sparks
   * @param {{ x: number, y: number, time: number }} moment
   */
  draw(sparks, moment) {
    const picture = { halfWidth: this.halfWidth, halfHeight: this.halfHeight, ...moment };
    const { layers, game } = this;
    if (!layers || this.gl.isContextLost()) return;
    layers.ground.draw(sparks, picture);
    layers.walls.draw(game.rows('walls').floats(), picture);
    layers.pickups.draw(game.rows('pickups').floats(), picture);
    layers.sparks.draw(sparks, picture);
    layers.beams.draw(game.rows('beams').floats(), picture);
    layers.bolts.draw(game.rows('bolts').floats(), picture);
    layers.ships.draw(game.rows('ships').floats(), picture);
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
