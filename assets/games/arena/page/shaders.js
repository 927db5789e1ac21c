// The shaders: every kind of thing is one instanced quad per piece, shaped in the fragment shader.
// Lengths are in units; `scale` takes them to clip space.

const HEADER = `#version 300 es
precision highp float;
`;

const QUAD = `
uniform vec2 scale;
in vec2 corner;
vec2 turned(vec2 v, float turns) {
  float a = turns * 6.2831853;
  return vec2(v.x * cos(a) - v.y * sin(a), v.x * sin(a) + v.y * cos(a));
}
void place(vec2 at) { gl_Position = vec4(at * scale, 0.0, 1.0); }
`;

/** A palette that does not rely on hue alone: neighbours differ in lightness too. */
const PALETTE = `
vec3 paint(float id) {
  float n = fract(id * 0.1218);
  if (n < 0.2) return vec3(1.00, 0.55, 0.26);
  if (n < 0.4) return vec3(0.95, 0.36, 0.55);
  if (n < 0.6) return vec3(1.00, 0.80, 0.35);
  if (n < 0.8) return vec3(0.72, 0.52, 1.00);
  return vec3(0.98, 0.42, 0.33);
}
const vec3 OWN = vec3(0.36, 0.88, 1.0);
`;

/**
 * A kind of thing: its shaders, and the fields of the core's array that each attribute is.
 * @typedef {{ attributes: Record<string, string[]>, vertex: string, fragment: string }} Shader
 */

/** The ground: one quad over everything, with a grid that moves with the camera. */
export const ground = {
  attributes: /** @type {Record<string, string[]>} */ ({}),
  vertex: `${HEADER}${QUAD}
uniform vec2 half_view;
out vec2 at;
void main() { at = corner * half_view; place(at); }`,
  fragment: `${HEADER}
uniform vec2 camera;
in vec2 at;
out vec4 colour;
float lines(vec2 p, float step, float width) {
  vec2 d = abs(fract(p / step + 0.5) - 0.5) * step;
  return 1.0 - smoothstep(width * 0.5, width, min(d.x, d.y));
}
void main() {
  vec2 p = at + camera;
  vec3 c = vec3(0.043, 0.063, 0.125);
  c += vec3(0.035, 0.05, 0.09) * lines(p, 64.0, 1.4);
  c += vec3(0.03, 0.045, 0.08) * lines(p, 256.0, 2.6);
  c *= 1.0 - 0.35 * dot(at, at) / 500000.0;
  colour = vec4(c, 1.0);
}`,
};

export const walls = {
  attributes: { at: ['x', 'y'], kind: ['kind'] },
  vertex: `${HEADER}${QUAD}
in vec2 at; in float kind;
out vec2 local; flat out int sides;
void main() { local = corner; sides = int(kind) - 1; place(at + (corner * 0.5 + 0.5) * 64.0); }`,
  fragment: `${HEADER}
in vec2 local; flat in int sides;
out vec4 colour;
void main() {
  if (sides >= 0) {
    // Outside: dark, with a glow where the arena begins.
    vec4 near = vec4(1.0 + local.x, 1.0 - local.x, 1.0 + local.y, 1.0 - local.y);
    vec4 open = vec4(sides & 1, (sides >> 1) & 1, (sides >> 2) & 1, (sides >> 3) & 1);
    vec4 light = open * (exp(-near * 3.0) * 0.35 + (1.0 - smoothstep(0.05, 0.10, near)));
    float glow = max(max(light.x, light.y), max(light.z, light.w));
    colour = vec4(vec3(0.02, 0.028, 0.055) + vec3(0.22, 0.32, 0.62) * glow, 1.0);
    return;
  }
  float edge = max(abs(local.x), abs(local.y));
  vec3 c = mix(vec3(0.14, 0.18, 0.30), vec3(0.20, 0.26, 0.42), 0.5 - 0.5 * local.y);
  colour = vec4(mix(c, vec3(0.36, 0.46, 0.70), smoothstep(0.90, 0.96, edge)), 1.0);
}`,
};

export const pickups = {
  attributes: { at: ['x', 'y'], kind: ['kind'] },
  vertex: `${HEADER}${QUAD}
uniform float time;
in vec2 at; in float kind;
out vec2 local; flat out float what;
void main() {
  local = turned(corner, kind > 1.5 ? time * 0.25 : 0.0) * 1.5; what = kind;
  place(at + corner * 18.0 * (1.0 + 0.08 * sin(time * 4.0 + at.x)));
}`,
  fragment: `${HEADER}
in vec2 local; flat in float what;
out vec4 colour;
void main() {
  vec2 p = abs(local);
  float d; vec3 c;
  if (what < 0.5) { d = max(min(p.x, p.y) - 0.18, max(p.x, p.y) - 0.6); c = vec3(0.25, 0.95, 0.55); }
  else if (what < 1.5) { d = length(local) - 0.5; c = vec3(0.35, 0.65, 1.0); }
  else { d = p.x + p.y - 0.62; c = vec3(1.0, 0.86, 0.40); }
  float body = 1.0 - smoothstep(0.0, 0.08, d);
  float glow = 0.5 * exp(-4.0 * max(d, 0.0));
  colour = vec4(c * (body + glow), max(body, glow * 0.7));
}`,
};

export const bolts = {
  attributes: { at: ['x', 'y'], heading: ['heading'], own: ['own'] },
  vertex: `${HEADER}${QUAD}
in vec2 at; in float heading; in float own;
out vec2 local; flat out float ours;
void main() { local = corner; ours = own; place(at + turned(corner * vec2(16.0, 6.0), heading)); }`,
  fragment: `${HEADER}${PALETTE}
in vec2 local; flat in float ours;
out vec4 colour;
void main() {
  float d = length(vec2(max(abs(local.x) - 0.45, 0.0) * 1.8, local.y));
  float core = 1.0 - smoothstep(0.15, 0.4, d);
  float glow = exp(-3.2 * d);
  vec3 c = ours > 0.5 ? OWN : vec3(1.0, 0.62, 0.35);
  colour = vec4(c * glow + vec3(core), max(core, glow));
}`,
};

/** Beams of rails: from, to, how much is left, own. The quad lies along the beam. */
export const beams = {
  attributes: { from: ['x', 'y'], to: ['endX', 'endY'], left: ['left'], own: ['own'] },
  vertex: `${HEADER}${QUAD}
in vec2 from; in vec2 to; in float left; in float own;
out vec2 local; flat out vec2 light;
void main() {
  vec2 along = to - from;
  vec2 across = normalize(vec2(-along.y, along.x) + vec2(1e-6, 0.0)) * 9.0;
  local = corner; light = vec2(left, own);
  place(from + along * (corner.x * 0.5 + 0.5) + across * corner.y);
}`,
  fragment: `${HEADER}${PALETTE}
in vec2 local; flat in vec2 light;
out vec4 colour;
void main() {
  float d = abs(local.y);
  float core = 1.0 - smoothstep(0.06, 0.22, d);
  float glow = exp(-5.0 * d) * light.x;
  vec3 c = light.y > 0.5 ? OWN : vec3(1.0, 0.45, 0.75);
  float strength = light.x * light.x;
  colour = vec4((c * glow + vec3(core)) * strength, max(core, glow) * strength);
}`,
};

export const ships = {
  attributes: {
    at: ['x', 'y'],
    aim: ['aim'],
    thrust: ['thrust'],
    hull: ['hull'],
    shield: ['shield'],
    own: ['own'],
    score: ['score'],
    id: ['id'],
  },
  vertex: `${HEADER}${QUAD}
in vec2 at; in float aim; in float thrust; in float hull; in float shield; in float own; in float score; in float id;
out vec2 local; out vec2 straight; flat out vec2 flame; flat out vec4 state; flat out float who;
void main() {
  straight = corner * 34.0;
  local = turned(straight, -aim);
  flame = thrust < 0.0 ? vec2(0.0) : turned(vec2(-1.0, 0.0), thrust);
  state = vec4(hull, shield, own, score);
  who = id;
  // A destroyed ship is shrunk to nothing.
  place(at + straight * step(0.001, hull));
}`,
  fragment: `${HEADER}${PALETTE}
uniform float time;
in vec2 local; in vec2 straight; flat in vec2 flame; flat in vec4 state; flat in float who;
out vec4 colour;
float edge(vec2 p, vec2 a, vec2 b) { vec2 n = normalize(vec2(b.y - a.y, a.x - b.x)); return dot(p - a, n); }
float dart(vec2 p) {
  p.y = abs(p.y);
  float outer = max(edge(p, vec2(17.0, 0.0), vec2(-11.0, 12.0)), edge(p, vec2(-11.0, 12.0), vec2(-6.0, 0.0)));
  return outer;
}
void main() {
  vec3 c = state.z > 0.5 ? OWN : paint(who);
  float d = dart(local);
  float body = 1.0 - smoothstep(-0.6, 0.8, d);
  float rim = smoothstep(-3.2, -1.2, d) * body;
  vec3 rgb = mix(c * 0.55, c * 1.25, rim) * body;
  float alpha = body;
  if (dot(flame, flame) > 0.0) {
    float along = dot(straight, flame);
    float across = abs(dot(straight, vec2(-flame.y, flame.x)));
    float flicker = 22.0 + 4.0 * sin(time * 60.0 + who);
    float jet = smoothstep(flicker, 9.0, along) * step(8.0, along) * exp(-across * across * 0.06);
    rgb += vec3(1.0, 0.7, 0.35) * jet * (1.0 - body);
    alpha = max(alpha, jet * 0.9);
  }
  float r = length(straight);
  if (state.y > 0.5) {
    float ring = exp(-0.5 * abs(r - 25.0)) * (0.6 + 0.4 * sin(time * 10.0));
    rgb += vec3(0.6, 0.9, 1.0) * ring; alpha = max(alpha, ring);
  }
  if (state.z < 0.5 && state.x < 0.999) {
    float turn = atan(straight.x, -straight.y) / 6.2831853 + 0.5;
    float ring = exp(-1.2 * abs(r - 28.0)) * step(turn, state.x);
    rgb += mix(vec3(1.0, 0.3, 0.25), vec3(0.3, 0.95, 0.5), state.x) * ring; alpha = max(alpha, ring);
  }
  colour = vec4(rgb, alpha);
}`,
};

/** Sparks: x, y, size, red, green, blue, strength. */
export const sparks = {
  attributes: { at: ['x', 'y'], size: ['size'], tint: ['red', 'green', 'blue', 'strength'] },
  vertex: `${HEADER}${QUAD}
in vec2 at; in float size; in vec4 tint;
out vec2 local; flat out vec4 light;
void main() { local = corner; light = tint; place(at + corner * size); }`,
  fragment: `${HEADER}
in vec2 local; flat in vec4 light;
out vec4 colour;
void main() {
  float glow = exp(-3.0 * dot(local, local)) * light.a;
  colour = vec4(light.rgb * glow, glow * 0.4);
}`,
};
