// Plays chunks of sound behind each other as they come, and says how late they are heard.
// A chunk is "RATE:DELAY_MS:BASE64", 16 bits a sample.
let lipstreamContext = null;
let lipstreamNext = 0; // when the next chunk is to start, in seconds of the context
const LIPSTREAM_LEAD = 0.12; // seconds that a chunk may be late before a gap is heard

function lipstreamPlay(sound) {
  if (!sound) return;
  const [rate, delay, data] = sound.split(":");
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const samples = new Int16Array(bytes.buffer);
  if (samples.length === 0) return;
  lipstreamContext ??= new AudioContext();
  lipstreamContext.resume();
  const buffer = lipstreamContext.createBuffer(1, samples.length, Number(rate));
  buffer.copyToChannel(Float32Array.from(samples, (sample) => sample / 32768), 0);
  const source = lipstreamContext.createBufferSource();
  source.buffer = buffer;
  source.connect(lipstreamContext.destination);
  const now = lipstreamContext.currentTime;
  if (lipstreamNext < now || lipstreamNext > now + 1) lipstreamNext = now + LIPSTREAM_LEAD;
  source.start(lipstreamNext);
  const heard = Number(delay) + 1000 * (lipstreamNext - now + (lipstreamContext.outputLatency || 0));
  lipstreamNext += buffer.duration;
  const place = document.getElementById("live-delay");
  if (place) {
    place.textContent = `Heard ${heard.toFixed(0)} ms after it was said, the way to the server and back not counted.`;
    place.dataset.chunks = Number(place.dataset.chunks || 0) + 1;
    place.dataset.level = Math.max(...samples.map(Math.abs));
  }
}
