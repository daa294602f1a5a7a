// The rater's way through a study: consent, a practice pair, pairs, a code. What happens next is always asked of the
// server, so a reload, a second tab or another day goes on at the same place.

import { Outbox, post } from "./outbox.js";
import { PairPlayer } from "./player.js";
import { Prefetch } from "./prefetch.js";

const $ = (id) => document.getElementById(id);
const SPEEDS = [0.25, 0.5, 1, 1.5, 2];
const CHOICES = ["left", "tie", "right", "both_bad", "cannot_judge"];
const base = location.pathname.replace(/[^/]*$/, "");
const outbox = new Outbox(base);
const prefetch = new Prefetch();
const player = new PairPlayer($("a"), $("b"));

let session = null; // what the server said last
let pair = null; // the pair on show
let sending = false;
let fullscreenUsed = false;
let feedback = ""; // on the practice pair, shown with the first real one

// -- the stages ----------------------------------------------------------------------------------------------

async function refresh() {
  let answer = null;
  try {
    const response = await fetch("api/state", { cache: "no-store", credentials: "same-origin" });
    answer = { status: response.status, told: await response.json() };
  } catch {
    say("The server cannot be reached. Trying again …");
  }
  if (!answer || answer.status >= 500 || answer.status === 429) {
    setTimeout(refresh, 2000);
    return;
  }
  if (answer.status !== 200) {
    show("message");
    say(answer.told.error ?? "Something went wrong.");
    return;
  }
  render(answer.told);
}

function render(told) {
  session = told;
  document.title = told.title;
  $("title").textContent = told.title;
  $("simulated").hidden = !told.simulated;
  $("progress").hidden = told.total === undefined;
  if (told.total !== undefined) {
    $("bar").max = told.total;
    $("bar").value = told.done;
    $("count").textContent = `${told.done} of ${told.total} pairs done`;
  }
  show(told.stage);
  if (told.stage === "consent") $("consent-text").textContent = told.consent;
  if (told.stage === "done") renderDone(told);
  if (told.stage === "rating") renderPair(told);
}

function renderDone(told) {
  player.pause();
  $("code").textContent = told.code;
  $("return").hidden = !told.return_to;
  if (told.return_to) $("return-link").href = told.return_to;
}

function renderPair(told) {
  const [current, upcoming] = told.pairs;
  if (pair?.id !== current.id) {
    pair = current;
    $("question").textContent = told.question;
    $("prompt").textContent = current.text;
    $("prompt").hidden = !current.text;
    if (current.practice) notice("Practice: one of these two is spoilt on purpose. Choose the better one.");
    else notice(feedback);
    feedback = "";
    buildCriteria(told.criteria);
    buildSpeeds(told.max_speed);
    restoreDraft();
    player.load(prefetch.source(current.left), prefetch.source(current.right), current.fps);
    player.setSpeed(Number($("speed").value));
    player.play();
    $("main").focus({ preventScroll: true });
    scrollTo({ top: 0 });
  }
  prefetch.keepOnly(told.pairs.flatMap(({ left, right }) => [left, right]));
  session.next = upcoming;
  update();
}

function show(stage) {
  for (const id of ["message", "consent", "rating", "done"]) $(id).hidden = id !== stage;
  if (stage !== "rating") {
    player.pause();
    pair = null;
  }
}

function say(text) {
  $("message").replaceChildren(Object.assign(document.createElement("p"), { textContent: text }));
}

// -- the pair on show ----------------------------------------------------------------------------------------

function watched() {
  const enough = session.min_watch - 0.015; // the last frame's end is rounded by browsers
  return player.seen($("a")) >= enough && player.seen($("b")) >= enough;
}

function update() {
  if (!pair) return;
  const playing = player.wanted;
  $("play").dataset.playing = playing;
  $("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  $("waiting").hidden = !player.starved;
  $("seen-a").value = player.seen($("a"));
  $("seen-b").value = player.seen($("b"));
  const { duration } = player;
  const now = Math.min($("a").currentTime, duration);
  if (document.activeElement !== $("seek") || playing) $("seek").value = duration ? (1000 * now) / duration : 0;
  $("seek").setAttribute("aria-valuetext", `${now.toFixed(1)} of ${duration.toFixed(1)} seconds`);
  $("time").textContent = `${now.toFixed(1)} / ${duration.toFixed(1)} s`;
  const able = watched() && !sending;
  $("choices").disabled = $("criteria").disabled = sending;
  $("send").disabled = !(able && chosen());
  if (sending) return;
  if (!watched()) hint("Watch both videos to the end, then choose.");
  else hint(chosen() ? "" : "Now choose.");
  if (player.buffered && session.next) prefetch.load([session.next.left, session.next.right]);
}

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

function hint(text) {
  if ($("hint").textContent !== text) $("hint").textContent = text;
}

function chosen() {
  return document.querySelector("input[name=choice]:checked")?.value ?? null;
}

function criteria() {
  const said = {};
  for (const input of $("criteria").querySelectorAll("input:checked")) said[input.name.slice(10)] = input.value;
  return said;
}

function buildCriteria(asked) {
  $("more").hidden = asked.length === 0;
  $("criteria").replaceChildren(
    ...asked.map(({ name, question }) => {
      const row = Object.assign(document.createElement("fieldset"), { className: "criterion" });
      const legend = Object.assign(document.createElement("legend"), { textContent: question });
      const options = Object.assign(document.createElement("div"), { className: "options" });
      for (const [value, text] of [["left", "A"], ["tie", "Equal"], ["right", "B"]]) {
        const label = document.createElement("label");
        const input = Object.assign(document.createElement("input"), { type: "radio", name: `criterion ${name}`, value });
        label.append(input, Object.assign(document.createElement("span"), { textContent: text }));
        options.append(label);
      }
      row.append(legend, options);
      return row;
    }),
  );
}

function buildSpeeds(fastest) {
  if ($("speed").length) return;
  for (const speed of SPEEDS.filter((speed) => speed <= fastest))
    $("speed").add(new Option(`${speed}×`, speed, speed === 1, speed === 1));
}

// -- drafts: a reload forgets no click -----------------------------------------------------------------------

const draftName = `keepframe draft ${base}`;

function saveDraft() {
  try {
    sessionStorage.setItem(draftName, JSON.stringify({ id: pair.id, choice: chosen(), criteria: criteria() }));
  } catch {
    // no storage in this browser
  }
}

function restoreDraft() {
  $("answer").reset();
  try {
    const draft = JSON.parse(sessionStorage.getItem(draftName));
    if (draft?.id !== pair.id) return;
    const inputs = document.querySelectorAll("#answer input[type=radio]");
    for (const input of inputs) {
      const said = input.name === "choice" ? draft.choice : draft.criteria[input.name.slice(10)];
      input.checked = input.value === said;
    }
  } catch {
    // a damaged draft is no draft
  }
}

// -- saying it -----------------------------------------------------------------------------------------------

async function vote() {
  if (sending || !pair || !watched() || !chosen()) return;
  sending = true;
  player.pause();
  hint("Storing …");
  update();
  const { id, practice } = pair;
  const body = JSON.stringify({
    assignment: id,
    choice: chosen(),
    criteria: criteria(),
    telemetry: {
      ...player.report(),
      practice,
      fullscreen: fullscreenUsed,
      viewport: [innerWidth, innerHeight],
      pixel_ratio: devicePixelRatio,
    },
  });
  const choice = chosen();
  const answer = await outbox.send("api/vote", body, () => hint("Not stored yet: the server cannot be reached. Trying again …"));
  sending = false;
  if (answer.status === 425) {
    update();
    const wait = answer.told.wait_ms ?? 0;
    hint(answer.told.error);
    if (wait) setTimeout(vote, wait + 50);
    return;
  }
  if (answer.status !== 200 && answer.status !== 409) {
    show("message");
    say(answer.told.error ?? "Something went wrong.");
    return;
  }
  const { right } = answer.told;
  if (right) {
    const said = right === choice ? "That was right." : `Look closely: ${right === "left" ? "A" : "B"} was the better one.`;
    feedback = `${said} From here on your own preference counts.`;
  } else if (answer.status === 409) {
    feedback = "You had answered that pair already; the first answer counts.";
  }
  await refresh();
}

async function failed() {
  if (!pair || sending) return;
  if (!confirm("Leave this pair out because a video does not play?")) return;
  sending = true;
  const codes = [$("a"), $("b")].map((video) => video.error?.message || video.error?.code || `state ${video.readyState}`);
  await outbox.send("api/failed", JSON.stringify({ assignment: pair.id, reason: codes.join("; ") }));
  sending = false;
  await refresh();
}

// -- wiring --------------------------------------------------------------------------------------------------

function toggleLoop() {
  player.loop = !player.loop;
  $("loop").setAttribute("aria-pressed", player.loop);
}

function toggleFull() {
  if (document.fullscreenElement) document.exitFullscreen();
  else {
    fullscreenUsed = true;
    $("stage").requestFullscreen?.();
  }
}

$("agree").addEventListener("change", () => ($("start").disabled = !$("agree").checked));
$("start").addEventListener("click", async () => {
  $("start").disabled = true;
  const answer = await post("api/consent", JSON.stringify({ consent_sha256: session.consent_sha256 }));
  if (answer?.status === 200) render(answer.told);
  else refresh();
});
$("play").addEventListener("click", () => player.toggle());
$("back").addEventListener("click", () => player.step(-1));
$("forward").addEventListener("click", () => player.step(1));
$("loop").addEventListener("click", toggleLoop);
$("full").addEventListener("click", toggleFull);
$("failed").addEventListener("click", failed);
$("seek").addEventListener("input", () => player.seek(($("seek").value / 1000) * player.duration));
$("speed").addEventListener("change", () => player.setSpeed(Number($("speed").value)));
$("stage").querySelectorAll("video").forEach((video) => video.addEventListener("click", () => player.toggle()));
$("answer").addEventListener("change", () => (saveDraft(), update()));
$("answer").addEventListener("submit", (event) => (event.preventDefault(), vote()));
for (const video of [$("a"), $("b")])
  video.addEventListener("loadedmetadata", () => (video.style.aspectRatio = `${video.videoWidth} / ${video.videoHeight}`));
player.addEventListener("change", update);
player.addEventListener("broken", () => {
  if (pair) hint("A video does not play. Reload the page; if that does not help, say so below.");
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) player.pause();
  else if (!sending && pair) refresh(); // perhaps the rater went on in another tab
});
document.addEventListener("keydown", (event) => {
  if (!pair || event.ctrlKey || event.altKey || event.metaKey) return;
  const typing = event.target.matches?.("select, summary, input[type=range], button, a");
  const place = ["1", "2", "3", "4", "5"].indexOf(event.key);
  const keys = {
    " ": () => player.toggle(),
    ",": () => player.step(-1),
    ".": () => player.step(1),
    l: toggleLoop,
    f: toggleFull,
    Enter: vote,
  };
  if (place >= 0) {
    document.querySelector(`input[name=choice][value=${CHOICES[place]}]`).checked = true;
    saveDraft();
    update();
  } else if (keys[event.key] && !(typing && [" ", "Enter"].includes(event.key))) {
    event.preventDefault();
    keys[event.key]();
  }
});

await outbox.flush(() => say("Storing your last answer …"));
await refresh();
