// The position of a photo on the wall's screen, and the corner in which the join card hides no
// face.

// the part of a photo that may be cut off so that it fills the screen
const CUT = 0.3;
// the margin around a face for hair and chin, as a share of the face
const AROUND = 0.25;

/**
 * Lay a photo on the screen: `whole` if filling it would cut too much, or somebody's face;
 * `position` is how far down it is cut (per cent), `faces` are the faces in pixels of the screen.
 */
export function place(photo, screen) {
  const across = screen.width / photo.width;
  const down = screen.height / photo.height;
  const lost = 1 - Math.min(across, down) / Math.max(across, down);
  const middle = photo.faces.length
    ? photo.faces.reduce((sum, { top, height }) => sum + top + height / 2, 0) / photo.faces.length
    : 0.4;
  const position = Math.round(100 * Math.min(1, Math.max(0, 2 * middle - 0.5)));
  const filled = onScreen(photo, screen, Math.max(across, down), position);
  const cut = filled.some(({ left, top, width, height }) =>
    left < 0 || top < 0 || left + width > screen.width || top + height > screen.height);
  if (lost <= CUT && !cut) return { whole: false, position, faces: filled };
  return { whole: true, position: 50, faces: onScreen(photo, screen, Math.min(across, down), 50) };
}

function onScreen(photo, screen, scale, position) {
  const width = photo.width * scale;
  const height = photo.height * scale;
  const left = (screen.width - width) / 2;
  const top = (screen.height - height) * position / 100;
  return photo.faces.map((face) => ({
    left: left + face.left * width,
    top: top + face.top * height,
    width: face.width * width,
    height: face.height * height,
  }));
}

/** The corner (`br`, `bl`, `tr`, `tl`) where the card hides least; *now* if it is as good. */
export function emptiest(faces, card, screen, now) {
  const { width, height } = card.getBoundingClientRect();
  const edge = screen.width * 0.033;
  const hidden = (corner) => {
    const left = corner[1] === "l" ? edge : screen.width - edge - width;
    const top = corner[0] === "t" ? edge : screen.height - edge - height;
    return faces.reduce((sum, face) => {
      const wide = overlap(face.left - AROUND * face.width, face.left + (1 + AROUND) * face.width, left, left + width);
      const high = overlap(face.top - AROUND * face.height, face.top + (1 + AROUND) * face.height, top, top + height);
      return sum + wide * high;
    }, 0);
  };
  let best = now;
  for (const corner of ["br", "bl", "tr", "tl"]) if (hidden(corner) < hidden(best)) best = corner;
  return best;
}

const overlap = (from, to, start, end) => Math.max(0, Math.min(to, end) - Math.max(from, start));
