// Hints before a selfie is taken: light and sharpness everywhere, and the face in browsers that
// have a face detector. No hint is given about anything that was not measured.

const SAMPLE = [96, 128]; // px of the small copy that light and sharpness are measured on
const DARK = 62; // mean luma, 0..255, below which a face is hard to see
const BLURRED = 18; // variance of the Laplacian of the small copy below which nothing is sharp
const SMALL = 0.18; // share of the picture's shorter side below which a face is too far away
const MOVED = 0.06; // share of that side by which a face that holds still may move

const sample = Object.assign(document.createElement("canvas"), { width: SAMPLE[0], height: SAMPLE[1] });
const brush = sample.getContext("2d", { willReadFrequently: true });
let detector = "FaceDetector" in globalThis ? new FaceDetector({ maxDetectedFaces: 3, fastMode: true }) : null;

/** Whether the browser can detect faces; false also once its detector has failed. */
export const seesFaces = () => detector !== null;

/**
 * Look at the picture of a video: { light, sharp } are true if good enough; *advice* names what is
 * wrong, or is null; *box* is the face, if exactly one is found.
 */
export async function look(video) {
  const { light, sharp } = measure(middle(video));
  const faces = await find(video);
  const side = Math.min(video.videoWidth, video.videoHeight);
  const box = faces?.length === 1 ? faces[0].boundingBox : null;
  let advice = null;
  if (faces?.length === 0) advice = light >= DARK ? "no_face" : "dark";
  else if (faces?.length > 1) advice = "several_faces";
  else if (light < DARK) advice = "dark";
  else if (box && box.width < SMALL * side) advice = "too_small";
  else if (sharp < BLURRED) advice = "blurred";
  return { light: light >= DARK, sharp: sharp >= BLURRED, box, advice };
}

/** Whether a face has held still between two measurements. */
export function still(before, now, video) {
  if (!before || !now) return false;
  const side = Math.min(video.videoWidth, video.videoHeight);
  return Math.hypot(before.x - now.x, before.y - now.y) < MOVED * side && Math.abs(before.width - now.width) < MOVED * side;
}

async function find(video) {
  if (!detector) return null;
  try {
    return await detector.detect(video);
  } catch {
    // the browser has the name, but not the service behind it
    detector = null;
    return null;
  }
}

function middle(video) {
  const [width, height] = SAMPLE;
  const tall = Math.min(video.videoHeight, video.videoWidth * height / width) * 0.6;
  const wide = tall * width / height;
  brush.drawImage(video, (video.videoWidth - wide) / 2, (video.videoHeight - tall) / 2, wide, tall, 0, 0, width, height);
  return brush.getImageData(0, 0, width, height);
}

function measure({ data, width, height }) {
  const luma = new Float32Array(width * height);
  let light = 0;
  for (let i = 0; i < luma.length; i += 1) {
    luma[i] = 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
    light += luma[i];
  }
  let sum = 0;
  let squares = 0;
  let seen = 0;
  for (let y = 1; y < height - 1; y += 1) {
    for (let x = 1; x < width - 1; x += 1) {
      const i = y * width + x;
      const edge = 4 * luma[i] - luma[i - 1] - luma[i + 1] - luma[i - width] - luma[i + width];
      sum += edge;
      squares += edge * edge;
      seen += 1;
    }
  }
  return { light: light / luma.length, sharp: squares / seen - (sum / seen) ** 2 };
}
