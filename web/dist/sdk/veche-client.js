// ../sdk/js/src/errors.ts
var e = {
	"bad-json": {
		retry: !1,
		text: "a frame was not valid JSON"
	},
	"bad-message": {
		retry: !1,
		text: "a value is missing or out of range"
	},
	"unknown-type": {
		retry: !1,
		text: "the server does not know this message"
	},
	"too-big": {
		retry: !1,
		text: "the message is too big"
	},
	rate: {
		retry: !0,
		text: "too many messages"
	},
	version: {
		retry: !1,
		text: "no common protocol version"
	},
	"not-allowed": {
		retry: !1,
		text: "not allowed"
	},
	token: {
		retry: !1,
		text: "the token is missing, wrong or expired"
	},
	locked: {
		retry: !0,
		text: "the room is locked"
	},
	full: {
		retry: !0,
		text: "the room is full"
	},
	ended: {
		retry: !1,
		text: "the room was ended"
	},
	"no-member": {
		retry: !1,
		text: "this member is not here"
	},
	"no-call": {
		retry: !1,
		text: "unknown or finished call"
	},
	busy: {
		retry: !0,
		text: "you are in a call already"
	},
	sdp: {
		retry: !0,
		text: "the session description could not be applied"
	},
	overloaded: {
		retry: !0,
		text: "the server is out of capacity"
	},
	internal: {
		retry: !0,
		text: "a fault of the server"
	},
	left: {
		retry: !1,
		text: "you left the room"
	},
	replaced: {
		retry: !1,
		text: "another page took over this session"
	},
	removed: {
		retry: !1,
		text: "a moderator removed you"
	},
	"hello-timeout": {
		retry: !0,
		text: "the server waited too long for the hello"
	},
	network: {
		retry: !0,
		text: "the server cannot be reached"
	},
	unsupported: {
		retry: !1,
		text: "this browser lacks what a conference needs"
	},
	aborted: {
		retry: !1,
		text: "aborted"
	},
	transfer: {
		retry: !0,
		text: "the file transfer failed"
	}
}, t = class extends Error {
	code;
	name = "VecheError";
	retry;
	constructor(t, n, r) {
		super(n || e[t].text, r), this.code = t, this.retry = e[t].retry;
	}
};
function n(t) {
	return Object.hasOwn(e, t) ? t : "internal";
}
// ../sdk/js/src/ids.ts
function r() {
	let e = "";
	for (let t of crypto.getRandomValues(/* @__PURE__ */ new Uint8Array(16))) e += String.fromCharCode(t);
	return btoa(e).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
// ../sdk/js/src/schema.ts
function i(e, n) {
	throw new t("bad-message", `${e}: ${n}`);
}
var a = (e) => {
	let t = 0;
	for (let n of e) t++;
	return t;
}, o = new TextEncoder(), s = (e) => o.encode(e).length, c = (e = 0, t = Infinity, n = Infinity) => (r, o) => {
	if (typeof r != "string") return i(o, r === void 0 ? "missing" : "not a string");
	let c = r.length < e || r.length > t ? a(r) : e;
	return c < e || c > t ? i(o, `must have ${e} to ${t} code points`) : n !== Infinity && s(r) > n ? i(o, `must have at most ${n} bytes`) : r;
}, l = (e, t) => (n, r) => e.test(c()(n, r)) ? n : i(r, `not ${t}`), u = (e, t) => typeof e == "boolean" ? e : i(t, e === void 0 ? "missing" : "not true or false"), d = (e, t) => (n, r) => typeof n == "number" ? n >= e && n <= t ? n : i(r, `must be ${e} to ${t}`) : i(r, n === void 0 ? "missing" : "not a number"), f = (e, t) => (n, r) => Number.isInteger(d(e, t)(n, r)) ? n : i(r, "not an integer"), p = (...e) => (t, n) => e.includes(c()(t, n)) ? t : i(n, "unknown"), m = (e, t = Infinity) => (n, r) => Array.isArray(n) ? n.length > t ? i(r, `more than ${t}`) : n.map((t, n) => e(t, `${r}[${n}]`)) : i(r, n === void 0 ? "missing" : "not an array"), h = (e) => (t, n) => {
	if (typeof t != "object" || !t || Array.isArray(t)) return i(n, t === void 0 ? "missing" : "not an object");
	let r = {};
	for (let [i, a] of Object.entries(e)) {
		let e = Object.hasOwn(t, i) ? t[i] : void 0;
		e === void 0 && "optional" in a || (r[i] = a(e, n ? `${n}.${i}` : i));
	}
	return r;
}, g = (e) => Object.assign(((t, n) => e(t, n)), { optional: !0 }), ee = (e) => (t, n) => t === null ? null : e(t, n), te = (e) => Object.assign((t, n) => t === null ? void 0 : e(t, n), { optional: !0 }), ne = (e) => e, _ = (e, t) => (n, r) => {
	let a = e(n, r);
	return t(a, (e, t) => i(r ? `${r}.${e}` : e, t)), a;
}, re = 16384, ie = 262144, ae = 1 << 20, oe = 262144, se = 3e4, ce = 8 << 20, v = (e) => new t("transfer", e);
function le(e, n, r) {
	let i, a = new AbortController(), o = { signal: a.signal }, s = () => {}, c = new Promise((e, t) => {
		s = t;
	});
	c.catch(() => {});
	let l = () => {
		clearTimeout(i), i = setTimeout(() => s(v("nothing came for too long")), se);
	}, u = () => {
		e.readyState === "open" && e.send("abort"), s(new t("aborted"));
	};
	return e.addEventListener("close", () => s(v("the connection was closed")), o), e.addEventListener("error", () => s(v("the connection broke")), o), e.addEventListener("message", (e) => {
		e.data === "abort" ? s(v("the other side has stopped")) : typeof e.data == "string" && r(e.data);
	}, o), n?.addEventListener("abort", u, o), n?.aborted && u(), l(), {
		promise: c,
		progress: l,
		release() {
			clearTimeout(i), a.abort();
		}
	};
}
function ue(e) {
	return e.readyState === "open" ? Promise.resolve() : new Promise((t) => e.addEventListener("open", () => t(), { once: !0 }));
}
async function de(e, n, r) {
	e.binaryType = "arraybuffer", e.bufferedAmountLowThreshold = oe;
	let i = () => {}, a = new Promise((e) => {
		i = e;
	}), o = le(e, r.signal, (e) => e === "done" && i());
	try {
		await Promise.race([ue(e), o.promise]);
		let t = 0;
		for (let i = 0; i < n.size; i += ie) {
			let a = await Promise.race([fe(n, i), o.promise]);
			for (let t = 0; t < a.byteLength; t += re) e.bufferedAmount > ae && await Promise.race([pe(e), o.promise]), e.send(a.slice(t, t + re)), o.progress();
			t += a.byteLength, r.progress?.(t);
		}
		e.send("end"), await Promise.race([a, o.promise]);
	} catch (e) {
		throw e instanceof t ? e : new t("transfer", void 0, { cause: e });
	} finally {
		o.release();
	}
}
async function fe(e, n) {
	try {
		return await e.slice(n, n + ie).arrayBuffer();
	} catch (e) {
		throw new t("transfer", "the file cannot be read any more", { cause: e });
	}
}
function pe(e) {
	return new Promise((t) => e.addEventListener("bufferedamountlow", () => t(), { once: !0 }));
}
async function me(e, t, n) {
	e.binaryType = "arraybuffer";
	let r = new Blob([], { type: t.mime }), i = [], a = 0, o = () => {
		r = new Blob([r, ...i], { type: t.mime }), i = [];
	}, s = {
		resolve() {},
		reject() {}
	}, c = new Promise((e, t) => {
		s = {
			resolve: e,
			reject: t
		};
	});
	c.catch(() => {});
	let l = le(e, n.signal, (e) => {
		e === "end" && (a === t.size ? s.resolve() : s.reject(v(`${a} bytes came instead of ${t.size}`)));
	}), u = (e) => {
		e.data instanceof ArrayBuffer && (a += e.data.byteLength, a > t.size ? s.reject(v("more came than was announced")) : (i.push(e.data), i.length * 16384 >= ce && o(), l.progress(), n.onProgress?.(a, t.size)));
	};
	e.addEventListener("message", u);
	try {
		return await Promise.race([c, l.promise]), o(), e.send("done"), r;
	} catch (t) {
		throw e.readyState === "open" && e.send("abort"), t;
	} finally {
		l.release(), e.removeEventListener("message", u);
	}
}
// ../sdk/js/src/callchannel.ts
var y = l(/^[\w-]{1,62}$/, "an id"), he = f(0, 2 ** 53 - 1), ge = {
	state: h({
		mic: u,
		camera: u,
		screen: u,
		hand: u
	}),
	chat: h({
		id: y,
		text: c(1, 4e3),
		at: he
	}),
	file: h({
		id: y,
		name: c(1, 255),
		size: f(0, 2 ** 53 - 1),
		mime: c(0, 127),
		at: he
	}),
	get: h({ id: y }),
	drop: h({ id: y }),
	hangup: h({})
};
function _e(e) {
	try {
		let t = JSON.parse(String(e)), n = t?.t;
		return typeof n != "string" || !Object.hasOwn(ge, n) ? void 0 : {
			t: n,
			...ge[n](t, "")
		};
	} catch {
		return;
	}
}
var ve = 3e4, ye = 200, be = class {
	options;
	channel = null;
	waiting = [];
	state = null;
	sending = /* @__PURE__ */ new Map();
	offers = /* @__PURE__ */ new Map();
	expected = /* @__PURE__ */ new Map();
	stop = new AbortController();
	constructor(e) {
		this.options = e;
	}
	attach(e) {
		this.channel = e, e.onmessage = (e) => this.take(_e(e.data)), e.onopen = () => {
			if (this.channel === e) {
				this.state && e.send(JSON.stringify({
					t: "state",
					...this.state
				}));
				for (let t of this.waiting.splice(0)) e.send(JSON.stringify(t));
			}
		};
	}
	opened(e) {
		let t = e.label.startsWith("f:") ? e.label.slice(2) : "", n = this.expected.get(t);
		this.expected.delete(t), n ? n(e) : e.close();
	}
	tell(e) {
		this.state = { ...e }, this.channel?.readyState === "open" && this.channel.send(JSON.stringify({
			t: "state",
			...e
		}));
	}
	send(e) {
		if (this.stop.signal.aborted) throw new t("no-call");
		if (this.channel?.readyState === "open") this.channel.send(JSON.stringify(e));
		else if (this.waiting.length < ye) this.waiting.push(e);
		else throw new t("network", "the other side is not connected");
	}
	offer(e) {
		let n = {
			id: r(),
			name: (e.name || "file").slice(0, 200),
			size: e.size,
			mime: e.type.slice(0, 127),
			at: Date.now()
		};
		this.send({
			t: "file",
			...n
		});
		let i = new AbortController(), a = new Promise((t, r) => {
			this.sending.set(n.id, {
				file: e,
				stop: i,
				resolve: t,
				reject: r
			});
		});
		return a.catch(() => {}), {
			info: n,
			transfer: {
				id: n.id,
				name: n.name,
				size: n.size,
				done: a,
				abort: () => {
					let e = this.sending.get(n.id);
					e && (this.sending.delete(n.id), e.stop.abort(), e.reject(new t("aborted")), this.stop.signal.aborted || this.send({
						t: "drop",
						id: n.id
					}));
				}
			}
		};
	}
	async receive(e, n) {
		let r = this.offers.get(e);
		if (!r) throw new t("transfer", "no such file");
		if (n.signal?.aborted) throw new t("aborted");
		let i;
		try {
			return await me(await new Promise((r, a) => {
				let o = (e) => () => a(e);
				i = setTimeout(o(new t("transfer", "the other side did not answer")), ve), n.signal?.addEventListener("abort", o(new t("aborted")), { once: !0 }), this.stop.signal.addEventListener("abort", o(new t("transfer", "the call is over")), { once: !0 }), this.expected.set(e, r), this.send({
					t: "get",
					id: e
				});
			}), r, n);
		} finally {
			clearTimeout(i), this.expected.delete(e);
		}
	}
	close() {
		this.stop.abort(), this.waiting = [];
		for (let [e, n] of [...this.sending]) this.sending.delete(e), n.stop.abort(), n.reject(new t("transfer", "the call is over"));
		this.channel && (this.channel.onmessage = this.channel.onopen = null), this.channel = null;
	}
	take(e) {
		switch (e?.t) {
			case "state":
				this.options.state({
					mic: e.mic,
					camera: e.camera,
					screen: e.screen,
					hand: e.hand
				});
				break;
			case "chat":
				this.options.chat({
					id: e.id,
					text: e.text,
					at: e.at
				});
				break;
			case "file": {
				let { t, ...n } = e;
				this.offers.set(n.id, n), this.options.file(n);
				break;
			}
			case "get":
				this.give(e.id);
				break;
			case "drop":
				this.offers.delete(e.id);
				break;
			case "hangup": this.options.hangup();
		}
	}
	async give(e) {
		let t = this.sending.get(e), n = t && this.options.open(`f:${e}`);
		if (t && n) try {
			await de(n, t.file, {
				progress: (n) => this.options.progress(e, n, t.file.size),
				signal: t.stop.signal
			}), this.sending.delete(e), t.resolve();
		} catch (n) {
			this.sending.delete(e) && t.reject(n);
		} finally {
			n.close();
		}
	}
}, xe = class {
	listeners = /* @__PURE__ */ new Map();
	closed = !1;
	on(e, t) {
		let n = this.listeners.get(e) ?? /* @__PURE__ */ new Set();
		return this.listeners.set(e, n), n.add(t), () => n.delete(t);
	}
	emit(e, t) {
		if (!this.closed) for (let n of [...this.listeners.get(e) ?? []]) {
			if (this.closed) return;
			try {
				n(t);
			} catch (e) {
				queueMicrotask(() => {
					throw e;
				});
			}
		}
	}
	close() {
		this.closed = !0, this.listeners.clear();
	}
}, Se = [
	"opus",
	"g722",
	"pcmu",
	"pcma"
], Ce = [
	"vp8",
	"vp9",
	"av1",
	"h264",
	"h265"
];
function b(e) {
	return e.slice(e.indexOf("/") + 1).toLowerCase();
}
function we(e, t) {
	try {
		return e?.getCapabilities(t)?.codecs ?? [];
	} catch {
		return [];
	}
}
function x(e, t) {
	let n = t === "audio" ? Se : Ce;
	if (!e) return n;
	let r = new Set(we(e, t).map((e) => b(e.mimeType)));
	return n.filter((e) => r.has(e));
}
var Te = (e) => ({
	audio: x(e.RTCRtpReceiver, "audio"),
	video: x(e.RTCRtpReceiver, "video")
}), Ee = (e) => ({
	audio: x(e.RTCRtpSender, "audio"),
	video: x(e.RTCRtpSender, "video")
});
function De(e) {
	let t = e.sdpFmtpLine ?? "";
	switch (b(e.mimeType)) {
		case "vp9": return !/profile-id=[1-9]/.test(t);
		case "av1": return !/profile=[1-9]/.test(t);
		case "h264": return /packetization-mode=1/.test(t);
		default: return !0;
	}
}
function Oe(e, t, n) {
	let r = we(e.RTCRtpReceiver, t), i = [];
	for (let e of n) {
		let t = r.filter((t) => b(t.mimeType) === e), n = t.filter(De);
		i.push(...n.length > 0 ? n : t);
	}
	return i.length > 0 && t === "video" && i.push(...r.filter((e) => b(e.mimeType) === "rtx")), i;
}
var ke = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
function Ae(e) {
	let t = e, n = t.getHeaderExtensionsToNegotiate?.(), r = n?.find((e) => e.uri === ke && e.direction === "stopped");
	n && r && (r.direction = "sendrecv", t.setHeaderExtensionsToNegotiate?.(n));
}
function S(e, t, n) {
	let r = Oe(e, t.receiver.track.kind, n);
	if (r.length !== 0) try {
		t.setCodecPreferences?.(r);
	} catch {}
}
function je(e) {
	return e.flatMap((e) => e === "opus" ? ["red", "opus"] : [e]);
}
function C(e) {
	let t = e[0] === "opus";
	return e.filter((e) => e === "opus" === t);
}
function Me(e) {
	let t = C(e);
	return e.filter((e) => !t.includes(e));
}
function Ne(e, t, n) {
	let r = Ee(e).video;
	if (n && r.includes(n)) return [n];
	let i = t.filter((e) => r.includes(e));
	return i.length > 0 ? i : [...t];
}
// ../sdk/js/src/linkmeta.ts
var Pe = /* @__PURE__ */ new Set([
	"mic",
	"camera",
	"screen",
	"screen-audio"
]);
function Fe(e) {
	let t = {};
	if (typeof e != "object" || !e) return t;
	let n = e;
	typeof n.from == "string" && (t.from = n.from), typeof n.for == "string" && (t.for = n.for), typeof n.offer == "number" && (t.offer = n.offer), Array.isArray(n.hold) && (t.hold = n.hold.filter((e) => Pe.has(e)));
	for (let e of ["picture", "restart"]) n[e] === !0 && (t[e] = !0);
	if (typeof n.sources == "object" && n.sources !== null) {
		let e = {};
		for (let [t, r] of Object.entries(n.sources)) typeof r == "object" && r && Pe.has(r.source) && (e[t] = {
			source: r.source,
			on: r.on === !0
		});
		t.sources = e;
	}
	return t;
}
// ../sdk/js/src/participant.ts
var w = (e) => e === "screen" || e === "screen-audio" ? "screen" : "camera", T = (e) => e === "camera" || e === "screen" ? "video" : "audio", E = (e) => e === "camera" ? {
	audio: "mic",
	video: "camera"
} : {
	audio: "screen-audio",
	video: "screen"
}, Ie = (e) => ({
	member: e,
	quality: 0,
	halves: {
		camera: {
			stream: null,
			status: {
				audio: "none",
				video: "none"
			}
		},
		screen: {
			stream: null,
			status: {
				audio: "none",
				video: "none"
			}
		}
	}
}), Le = class {
	record;
	isLocal;
	constructor(e, t) {
		this.record = e, this.isLocal = t;
	}
	get id() {
		return this.record.member.id;
	}
	get name() {
		return this.record.member.name;
	}
	get role() {
		return this.record.member.role;
	}
	get agent() {
		return this.record.member.agent;
	}
	get connected() {
		return this.record.member.connected;
	}
	get state() {
		return this.record.member.state;
	}
	get tracks() {
		return this.record.member.tracks;
	}
	get quality() {
		return this.record.quality;
	}
	stream(e) {
		return this.record.halves[e].stream;
	}
	status(e) {
		return this.record.halves[e].status;
	}
}, D = (e) => typeof e == "number" && Number.isFinite(e) ? e : void 0, O = (e) => typeof e == "string" && e !== "" ? e : void 0;
async function k(e) {
	try {
		return new Map(await e.getStats());
	} catch {
		return /* @__PURE__ */ new Map();
	}
}
function A(e) {
	for (let t of e.values()) if (t.type === "transport") return D(t.bytesReceived) ?? 0;
	return D(Be(e)?.bytesReceived) ?? 0;
}
var Re = 600;
async function ze(e) {
	let t = A(await k(e));
	return await new Promise((e) => setTimeout(e, Re)), A(await k(e)) > t;
}
function Be(e) {
	for (let t of e.values()) if (t.type === "transport" && O(t.selectedCandidatePairId)) {
		let n = e.get(t.selectedCandidatePairId);
		if (n) return n;
	}
	for (let t of e.values()) if (t.type === "candidate-pair" && (t.selected === !0 || t.nominated === !0 && t.state === "succeeded")) return t;
}
function Ve(e) {
	let t = Be(e);
	if (!t) return;
	let n = e.get(O(t.localCandidateId) ?? ""), r = e.get(O(t.remoteCandidateId) ?? ""), i = { relay: n?.candidateType === "relay" || r?.candidateType === "relay" };
	O(n?.candidateType) && (i.local = n?.candidateType), O(r?.candidateType) && (i.remote = r?.candidateType);
	let a = O(n?.relayProtocol) ?? O(n?.protocol);
	(a === "udp" || a === "tcp" || a === "tls") && (i.protocol = a);
	let o = D(t.currentRoundTripTime);
	o !== void 0 && (i.rttMs = Math.round(o * 1e3));
	let s = D(t.availableOutgoingBitrate);
	return s !== void 0 && (i.availableOut = Math.round(s)), i;
}
function He(e, t) {
	let n = O(e.mid);
	if (n !== void 0) return n;
	for (let n of t.pc.getTransceivers()) if (n.mid !== null && n.receiver.track.id === e.trackIdentifier) return n.mid;
}
function Ue(e, t, n) {
	let r = D(t?.[n]) ?? 0, i = t ? e.timestamp - t.timestamp : 0, a = Math.max(0, (D(e[n]) ?? 0) - r);
	return i > 0 ? Math.round(a * 8e3 / i) : 0;
}
function We(e, t) {
	return e > 0 && e + t > 0 ? Math.round(1e3 * e / (e + t)) / 10 : 0;
}
var j = (e, t, n) => Math.max(0, (D(e[n]) ?? 0) - (D(t?.[n]) ?? 0));
function Ge(e, t, n) {
	let r = O(t.get(O(e.codecId) ?? "")?.mimeType);
	return {
		kind: T(n),
		source: n,
		...r ? { codec: b(r) } : {}
	};
}
function Ke(e) {
	let t = {}, n = D(e.frameWidth), r = D(e.frameHeight), i = D(e.framesPerSecond);
	return n !== void 0 && r !== void 0 && Object.assign(t, {
		width: n,
		height: r
	}), i !== void 0 && (t.fps = Math.round(i)), t;
}
function qe(e, t, n, r) {
	let i = n.get(e.id), a = {
		...Ge(e, t, r),
		direction: "in",
		bitrate: Ue(e, i, "bytesReceived"),
		lost: We(j(e, i, "packetsLost"), j(e, i, "packetsReceived")),
		...Ke(e)
	}, o = D(e.jitter);
	o !== void 0 && (a.jitterMs = Math.round(o * 1e3));
	let s = D(e.audioLevel);
	s !== void 0 && (a.level = s);
	let c = D(e.freezeCount);
	return c !== void 0 && (a.freezes = c), a.kind === "video" && (a.frames = D(e.framesDecoded) ?? 0, a.resent = j(e, i, D(e.retransmittedPacketsReceived) === void 0 ? "nackCount" : "retransmittedPacketsReceived")), a;
}
function Je(e, t, n, r) {
	let i = {
		...Ge(e, t, r),
		direction: "out",
		bitrate: Ue(e, n.get(e.id), "bytesSent"),
		lost: 0,
		...Ke(e)
	};
	for (let n of t.values()) {
		if (n.type !== "remote-inbound-rtp" || n.localId !== e.id) continue;
		let t = D(n.fractionLost);
		t !== void 0 && (i.lost = Math.round(t * 1e3) / 10);
		let r = D(n.roundTripTime);
		r !== void 0 && (i.rttMs = Math.round(r * 1e3));
		let a = D(n.jitter);
		a !== void 0 && (i.jitterMs = Math.round(a * 1e3));
	}
	let a = D(t.get(O(e.mediaSourceId) ?? "")?.audioLevel);
	if (a !== void 0 && (i.level = a), i.kind === "video") {
		i.frames = D(e.framesEncoded) ?? 0, i.resent = j(e, n.get(e.id), "retransmittedPacketsSent"), i.sizes = +(i.bitrate > 0);
		let t = O(e.qualityLimitationReason);
		i.sizes && (t === "bandwidth" || t === "cpu") && (i.limit = t);
	}
	return i;
}
function Ye(e, t, n) {
	let r = [];
	for (let i of t.values()) {
		let a = i.type === "inbound-rtp" || i.type === "outbound-rtp" ? He(i, e) : void 0;
		if (a === void 0) continue;
		let o = e.incoming.get(a), s = e.outgoing.get(a);
		if (i.type === "inbound-rtp" && o) r.push({
			member: o.member,
			stats: qe(i, t, n, o.source)
		});
		else if (i.type === "outbound-rtp" && s) {
			let e = Je(i, t, n, s), a = r.find((e) => e.member === null && e.stats.source === s)?.stats;
			a ? Xe(a, e) : r.push({
				member: null,
				stats: e
			});
		}
	}
	return r;
}
function Xe(e, t) {
	if (t.bitrate > 0 && (t.height ?? 0) > (e.bitrate > 0 ? e.height ?? 0 : 0)) for (let n of [
		"width",
		"height",
		"fps"
	]) t[n] !== void 0 && (e[n] = t[n]);
	t.limit && (e.limit = t.limit), e.bitrate += t.bitrate, e.frames = Math.max(e.frames ?? 0, t.frames ?? 0), e.sizes = (e.sizes ?? 0) + (t.sizes ?? 0), e.resent = (e.resent ?? 0) + (t.resent ?? 0);
}
function M(e, t, n, r) {
	if (!n) return 0;
	let i = Ze(e, t);
	return r?.why === "bandwidth" ? Math.min(i, r.video === "paused" ? 1 : 2) : i;
}
function Ze(e, t) {
	let n = e.filter((e) => e.bitrate > 0), r = Math.max(0, ...n.map((e) => e.lost)), i = Math.max(0, ...n.map((e) => e.jitterMs ?? 0)), a = Math.max(t?.rttMs ?? 0, ...n.map((e) => e.rttMs ?? 0));
	return r >= 15 || a >= 1e3 || i >= 250 ? 1 : r >= 6 || a >= 500 || i >= 120 ? 2 : r >= 2 || a >= 250 || i >= 60 ? 3 : 4;
}
// ../sdk/js/src/pulse.ts
var Qe = 4, $e = 600, et = 1200, tt = class {
	seen = /* @__PURE__ */ new Map();
	broken = /* @__PURE__ */ new WeakSet();
	get worried() {
		return [...this.seen.values()].some((e) => e.told !== void 0);
	}
	look(e, t) {
		let n = [], r = this.seen;
		this.seen = /* @__PURE__ */ new Map();
		for (let [i, a] of e) {
			let e = r.get(i) ?? {
				bytes: A(a),
				since: t,
				grown: 0,
				told: void 0
			};
			this.seen.set(i, e);
			let o = this.step(e, A(a), t) ?? this.state(i);
			o && n.push([i, o]);
		}
		return n;
	}
	step(e, t, n) {
		if (t !== e.bytes) {
			let r = e.told;
			return Object.assign(e, {
				bytes: t,
				since: n,
				grown: e.grown + 1,
				told: void 0
			}), r ? "back" : void 0;
		}
		let r = n - e.since;
		if (e.told === void 0 && e.grown < Qe) r > 0 && (e.grown = 0);
		else {
			if (e.told === void 0 && r >= $e) return e.grown = 0, e.told = "stopped", "stopped";
			if (e.told === "stopped" && r >= et) return e.told = "lost", "lost";
		}
	}
	state(e) {
		if (e.connectionState === "connected") this.broken.delete(e);
		else if (e.connectionState === "disconnected" && !this.broken.has(e)) return this.broken.add(e), "stopped";
	}
};
async function nt(e, t, n) {
	let r = /* @__PURE__ */ new Map();
	await Promise.all([...t].map(async (e) => r.set(e, await k(e))));
	for (let [t, i] of e.look(r, Date.now())) n(t, i);
	return r;
}
function N(e) {
	for (let { sender: t } of e.getTransceivers()) t.track?.kind === "video" && rt(t).catch(() => {});
}
async function rt(e) {
	let t = e.getParameters();
	if (!t.encodings?.length) return;
	let n = !1;
	if (await e.setParameters(t, { get encodingOptions() {
		return n = !0, t.encodings.map(() => ({ keyFrame: !0 }));
	} }), n) return;
	let r = t.encodings.map((e) => e.active);
	for (let t of [!1, !0]) {
		let n = e.getParameters();
		n.encodings.forEach((e, n) => {
			e.active = t && r[n] !== !1;
		}), await e.setParameters(n);
	}
}
function it(e, t) {
	let n = e.getParameters?.();
	if (n?.encodings?.length) {
		for (let e of n.encodings) e.active = t;
		e.setParameters(n).catch(() => {});
	}
}
// ../sdk/js/src/sdp.ts
function at(e) {
	let t = [];
	return e.split("\r\n").filter((e) => {
		e.startsWith("m=") && (t = e.split(" ").slice(3));
		let n = /^a=rtcp-fb:(\d+) /.exec(e)?.[1];
		return n === void 0 || t.includes(n);
	}).join("\r\n");
}
function ot(e, t) {
	return e.split(/(?=^m=)/m).map((e) => {
		let n = /^a=mid:(\S+)/m.exec(e)?.[1], r = /^a=rtpmap:(\d+) opus\//im.exec(e)?.[1];
		return n === void 0 || r === void 0 || !t.has(n) || e.includes("usedtx=") ? e : e.replace(RegExp(`^(a=fmtp:${r} [^\\r\\n]+)`, "m"), "$1;usedtx=1");
	}).join("");
}
function st(e) {
	return /^a=ice-ufrag:(\S+)/m.exec(e ?? "")?.[1];
}
// ../sdk/js/src/link.ts
var P = 2e3, F = 6e3, I = 3e3, ct = 8e3, L = class {
	options;
	pc = null;
	local = /* @__PURE__ */ new Map();
	sections = /* @__PURE__ */ new Map();
	remote = null;
	told = /* @__PURE__ */ new Map();
	early = [];
	incoming = Promise.resolve();
	making = !1;
	offered = 0;
	serial = 0;
	answering;
	started = !1;
	closed = !1;
	me = "";
	peer;
	timer;
	unanswered;
	silent = !1;
	restarted = 0;
	mine = /* @__PURE__ */ new Set();
	theirs = /* @__PURE__ */ new Set();
	asked = !1;
	streams;
	state = "connecting";
	since = Date.now();
	constructor(e) {
		this.options = e;
		let { MediaStream: t } = e.env;
		this.streams = {
			camera: new t(),
			screen: new t()
		};
	}
	get connection() {
		return this.pc;
	}
	transceiver(e) {
		return this.sections.get(e);
	}
	start() {
		this.run(async () => {
			await this.build(), !this.options.impolite && this.pc && !this.started && this.send({});
		});
	}
	set(e, t) {
		if ((this.local.get(e) ?? null) === t || (t ? this.local.set(e, t) : this.local.delete(e), !this.pc || !this.started)) return;
		let n = this.sections.get(e);
		n && (this.fill(e, n), this.send({})), !n && t && this.open(e);
	}
	hold(e) {
		e.size === this.mine.size && [...e].every((e) => this.mine.has(e)) || (this.mine = new Set(e), this.pc && this.run(async () => this.send({})));
	}
	receive(e) {
		this.run(() => this.take(e));
	}
	restart() {
		let e = this.asked && Date.now() - this.restarted < 9e3;
		this.restarted = Date.now(), this.asked = !this.options.impolite && !e && this.remote !== null, this.asked ? this.run(async () => this.send({}, { restart: !0 })) : this.renewIce(), this.watch(this.asked ? I : F);
	}
	renewIce() {
		this.run(async () => {
			let e = this.pc;
			if (!e || !this.started) return;
			let t = await this.options.config();
			if (e === this.pc) {
				try {
					e.setConfiguration(t);
				} catch {}
				e.restartIce(), e.signalingState === "have-local-offer" && await this.offer(e);
			}
		});
	}
	renew() {
		this.run(async () => {
			this.pc && (this.drop(), await this.build(), this.options.impolite || this.send({}));
		});
	}
	nudge() {
		let e = this.pc;
		e && this.started && (this.state !== "connected" || this.silent ? this.restart() : ze(e).then((t) => {
			!t && this.pc === e && !this.closed && this.restart();
		}));
	}
	beat(e, t) {
		this.pc !== e || this.closed || (this.silent = t !== "back" && (this.silent || this.expecting()), t === "back" ? (N(e), this.send({}, { picture: !0 })) : t === "lost" && this.silent && this.hasten(this.options.impolite ? 0 : P / 2));
	}
	expecting() {
		return this.remote === null || [...this.remote.values()].some((e) => e.on);
	}
	close(e = 0) {
		if (!this.closed) {
			if (this.closed = !0, clearTimeout(this.timer), clearTimeout(this.unanswered), e === 0) this.drop();
			else {
				for (let e of this.sections.values()) e.sender.replaceTrack(null).catch(() => {});
				setTimeout(() => this.drop(), e);
			}
		}
	}
	createChannel(e) {
		return this.pc?.createDataChannel(e) ?? null;
	}
	run(e) {
		this.incoming = this.incoming.then(async () => {
			if (!this.closed) try {
				await e();
			} catch {}
		});
	}
	async build() {
		let e = await this.options.config();
		if (this.closed) return;
		let t = new this.options.env.RTCPeerConnection(e);
		if (this.pc = t, this.me = lt(), this.peer = void 0, this.remote = null, this.early = [], this.making = this.started = this.silent = !1, this.theirs = /* @__PURE__ */ new Set(), this.sections = /* @__PURE__ */ new Map(), t.onicecandidate = (e) => this.pc === t && this.send({ candidate: e.candidate?.toJSON() ?? null }), t.onnegotiationneeded = () => this.pc === t && this.started && void this.offer(t), t.onconnectionstatechange = () => this.pc === t && this.changed(t), t.ondatachannel = (e) => this.pc === t && this.options.opened?.(e.channel), this.options.channel && this.options.channel(t.createDataChannel("data", {
			negotiated: !0,
			id: 0
		})), this.options.impolite) {
			this.started = !0;
			for (let e of /* @__PURE__ */ new Set([...this.options.sections, ...this.local.keys()])) this.open(e);
			await this.offer(t);
		}
		this.enter("connecting"), this.watch(F * 2);
	}
	drop() {
		let e = this.pc;
		this.pc = null, e && (e.onicecandidate = e.onnegotiationneeded = e.onconnectionstatechange = e.ondatachannel = null, e.close());
		for (let [e, t] of [...this.told]) this.told.delete(e), t && !this.closed && this.options.track(e, null, null);
	}
	open(e) {
		let t = this.pc;
		if (!t) return;
		let n = T(e), r = t.addTransceiver(n, {
			direction: "sendrecv",
			streams: [this.streams[w(e)]]
		});
		this.adopt(e, r);
	}
	adopt(e, t) {
		this.sections.set(e, t), S(this.options.env, t, this.options.codecs[T(e)]), this.fill(e, t);
	}
	held(e) {
		let t = [...e, ...this.theirs].filter((t) => e.has(t) !== this.theirs.has(t));
		this.theirs = e;
		for (let n of t) {
			let t = this.sections.get(n);
			t && T(n) === "video" && it(t.sender, !e.has(n));
		}
	}
	fill(e, t) {
		this.theirs.has(e) && T(e) === "video" && it(t.sender, !1), t.sender.replaceTrack(this.local.get(e) ?? null).catch(() => {});
	}
	async offer(e) {
		if (!this.making) {
			this.making = !0;
			try {
				await e.setLocalDescription();
				let t = e.localDescription;
				if (this.pc !== e || !t) return;
				t.type === "offer" && this.expectAnswer(e, ++this.serial), this.describe(t);
			} catch {} finally {
				this.making = !1;
			}
		}
	}
	expectAnswer(e, t) {
		clearTimeout(this.unanswered), this.unanswered = setTimeout(() => {
			this.pc === e && this.serial === t && e.signalingState === "have-local-offer" && this.run(() => this.offer(e));
		}, ct);
	}
	describe(e) {
		this.offered = Date.now();
		let t = e.type === "offer" ? this.serial : this.answering;
		this.send({ description: {
			type: e.type,
			sdp: at(e.sdp)
		} }, t === void 0 ? {} : { offer: t });
	}
	send(e, t = {}) {
		if (this.closed) return;
		let n = {
			...t,
			from: this.me
		};
		if (this.peer !== void 0 && (n.for = this.peer), !("candidate" in e)) {
			n.sources = {}, n.hold = [...this.mine];
			for (let [e, t] of this.sections) t.mid !== null && (n.sources[t.mid] = {
				source: e,
				on: this.local.has(e)
			});
		}
		this.options.send({
			...e,
			meta: n
		});
	}
	async take(e) {
		let t = Fe(e.meta);
		if (this.pc || await this.build(), t.for !== void 0 && t.for !== this.me) return;
		if (t.from !== void 0 && t.from !== this.peer) {
			if (this.peer !== void 0 && this.pc?.remoteDescription && (this.drop(), await this.build(), this.peer = t.from, this.options.impolite)) return;
			this.peer = t.from, this.pc?.signalingState === "have-local-offer" && Date.now() - this.offered > 1500 && !e.description && this.pc?.localDescription && this.describe(this.pc.localDescription);
		}
		let n = this.pc;
		n && (!e.description || this.acceptable(n, e.description.type, t.offer)) && (e.description?.type === "offer" && (this.answering = t.offer), t.picture && N(n), t.restart && Date.now() - this.restarted > I && this.restart(), t.hold && this.held(new Set(t.hold)), t.sources && (this.remote = new Map(Object.entries(t.sources))), e.description && await this.apply(n, e.description), "candidate" in e && await this.candidate(n, e.candidate ?? null), this.sync(n));
	}
	acceptable(e, t, n) {
		return t === "offer" ? !this.options.impolite || !this.making && e.signalingState === "stable" : e.signalingState === "have-local-offer" && (n ?? this.serial) === this.serial;
	}
	async apply(e, t) {
		let n = t.type === "offer", r = st(e.remoteDescription?.sdp);
		await e.setRemoteDescription(t), r && r !== st(t.sdp) && (this.restarted = Date.now(), this.watch(F));
		for (let t of this.early.splice(0)) await this.candidate(e, t);
		if (n && (this.started = !0, this.claim(e), e.signalingState === "have-remote-offer" && (await e.setLocalDescription(), this.pc === e && e.localDescription && this.describe(e.localDescription)), this.pc === e)) for (let e of this.local.keys()) this.sections.has(e) || this.open(e);
	}
	claim(e) {
		for (let t of e.getTransceivers()) {
			if (t.mid === null || t.direction === "stopped") continue;
			let n = this.sourceOf(e, t), r = n && this.sections.get(n);
			n && r !== t && (r && r.mid === null && r.stop(), t.direction = "sendrecv", t.sender.setStreams?.(this.streams[w(n)]), this.adopt(n, t));
		}
	}
	sourceOf(e, t) {
		if (t.mid !== null && this.remote?.has(t.mid)) return this.remote.get(t.mid)?.source;
		if (this.remote) return;
		let n = t.receiver.track.kind, r = e.getTransceivers().filter((e) => e.receiver.track.kind === n);
		return (n === "audio" ? ["mic", "screen-audio"] : ["camera", "screen"])[r.indexOf(t)];
	}
	async candidate(e, t) {
		if (!e.remoteDescription) this.early.length < 200 && this.early.push(t);
		else try {
			await (t ? e.addIceCandidate(t) : e.addIceCandidate());
		} catch {}
	}
	sync(e) {
		if (this.closed || e.signalingState === "closed") return;
		let t = /* @__PURE__ */ new Map();
		for (let n of e.getTransceivers()) {
			if (n.mid === null || !/recv/.test(n.currentDirection ?? "")) continue;
			let r = this.sourceOf(e, n), i = this.remote?.get(n.mid)?.on ?? !0;
			r && i && t.set(r, n.receiver);
		}
		for (let e of [
			"mic",
			"camera",
			"screen",
			"screen-audio"
		]) {
			let n = t.get(e) ?? null, r = n?.track ?? null;
			(this.told.get(e) ?? null) !== r && (this.told.set(e, r), this.options.track(e, r, n));
		}
	}
	changed(e) {
		switch (this.sync(e), e.connectionState) {
			case "connected":
				clearTimeout(this.timer), this.timer = void 0, this.silent = !1, this.enter("connected");
				break;
			case "disconnected":
				this.enter("interrupted"), this.hasten(this.options.impolite ? P : P * 1.5);
				break;
			case "failed": this.enter("failed"), this.watch(this.options.impolite ? 0 : P / 2);
		}
	}
	enter(e) {
		this.state === e || this.closed || (this.state = e, this.since = Date.now(), this.options.state(e));
	}
	hasten(e) {
		this.watch(Math.max(e, this.restarted + I - Date.now()));
	}
	watch(e) {
		clearTimeout(this.timer), this.closed || (this.timer = setTimeout(() => {
			(this.pc?.connectionState !== "connected" || this.silent) && (this.started ? this.restart() : (this.run(async () => this.send({})), this.watch(F)));
		}, e));
	}
};
function lt() {
	return Math.random().toString(36).slice(2, 10) || "0";
}
// ../sdk/js/src/monitor.ts
var R = class {
	before = /* @__PURE__ */ new WeakMap();
	async look(e) {
		let t = {
			tracks: /* @__PURE__ */ new Map(),
			paths: /* @__PURE__ */ new Map()
		};
		return await Promise.all(e.map(async (e) => {
			let n = await k(e.pc), r = this.before.get(e.pc) ?? /* @__PURE__ */ new Map();
			this.before.set(e.pc, n);
			let i = Ve(n);
			i && t.paths.set(e.peer, i);
			for (let { member: i, stats: a } of Ye(e, n, r)) {
				let e = t.tracks.get(i) ?? [];
				t.tracks.set(i, e), e.push(a);
			}
		})), t;
	}
}, ut = .02, dt = .008, ft = 700, pt = 3e3, mt = class {
	speaking = /* @__PURE__ */ new Map();
	active = null;
	heard = 0;
	rival = null;
	update(e, t) {
		let n = this.speaking;
		this.speaking = /* @__PURE__ */ new Map();
		for (let [t, r] of e) r >= (n.has(t) ? dt : ut) && this.speaking.set(t, r);
		return this.choose(t) || this.speaking.size > 0 || n.size > 0;
	}
	state() {
		return {
			levels: new Map(this.speaking),
			active: this.active
		};
	}
	choose(e) {
		let t = this.active, n = null;
		for (let [e, t] of this.speaking) t > (n ? this.speaking.get(n) ?? 0 : 0) && (n = e);
		return this.active && this.speaking.has(this.active) && (this.heard = e), n === null || n === this.active ? (this.rival = null, n === null && this.active && e - this.heard > pt && (this.active = null), this.active !== t) : (this.rival?.id !== n && (this.rival = {
			id: n,
			since: e
		}), (!this.active || e - this.rival.since >= ft) && (this.active = n, this.heard = e, this.rival = null), this.active !== t);
	}
}, ht = 250, gt = 100, _t = 2e3, vt = 16, yt = class {
	options;
	speakers = new mt();
	looker = new R();
	pulse = new tt();
	timer;
	lastQuality = 0;
	closed = !1;
	constructor(e) {
		this.options = e;
	}
	start() {
		this.timer = setTimeout(() => void this.tick(), ht);
	}
	close() {
		this.closed = !0, clearTimeout(this.timer);
	}
	async tick() {
		let e = this.options.inspect(), t = Date.now();
		if (t - this.lastQuality >= _t && (this.lastQuality = t, await this.rate(e)), this.closed) return;
		let n = await this.levels(e);
		if (this.closed) return;
		this.speakers.update(n, t) && this.tell();
		let r = e.reduce((e, t) => e + t.incoming.size, 0) > vt, i = this.pulse.worried ? gt : r ? 500 : ht;
		this.timer = setTimeout(() => void this.tick(), i);
	}
	tell() {
		let { levels: e, active: t } = this.speakers.state();
		this.options.speaking({
			levels: e,
			active: this.options.speaker() ?? t
		});
	}
	async levels(e) {
		let t = /* @__PURE__ */ new Map(), n = (e, n) => t.set(e, Math.max(n, t.get(e) ?? 0)), r = await nt(this.pulse, e.map((e) => e.pc), (e, t) => {
			this.closed || this.options.beat(e, t);
		});
		for (let t of e) for (let e of r.get(t.pc)?.values() ?? []) if (typeof e.audioLevel == "number") {
			if (e.type === "media-source") n(this.options.me(), e.audioLevel);
			else if (e.type === "inbound-rtp") {
				let r = typeof e.mid == "string" ? t.incoming.get(e.mid) : void 0;
				r?.source === "mic" && n(r.member, e.audioLevel);
			}
		}
		return t;
	}
	async rate(e) {
		let t = await this.looker.look(e);
		if (this.closed) return;
		let n = (t) => e.some((e) => e.peer === t && e.pc.connectionState === "connected"), r = new Set(e.flatMap((e) => [...e.incoming.values()].map((e) => e.member)));
		for (let t of e) t.peer !== null && r.add(t.peer);
		for (let i of r) {
			let r = e.some((e) => e.peer === i) ? i : null;
			this.options.quality(i, M(t.tracks.get(i) ?? [], t.paths.get(r), n(r), this.options.picture(i)));
		}
		let i = e.some((e) => e.pc.connectionState === "connected"), a = t.tracks.get(null) ?? [];
		if (e.length > 0) {
			let e = [...t.paths.values()].sort((e, t) => (t.rttMs ?? 0) - (e.rttMs ?? 0))[0];
			this.options.quality(this.options.me(), M(a, e, i));
		}
	}
}, bt = 3e4, xt = 2e3, St = 250, Ct = 400, wt = [
	"mic",
	"camera",
	"screen",
	"screen-audio"
], Tt = class {
	room;
	wire;
	peer;
	events = new xe();
	channel;
	local = /* @__PURE__ */ new Map();
	remote = /* @__PURE__ */ new Map();
	looker = new R();
	monitor = new R();
	streams = {
		camera: null,
		screen: null
	};
	mine = {
		mic: !1,
		camera: !1,
		screen: !1,
		hand: !1
	};
	theirs = {
		mic: !1,
		camera: !1,
		screen: !1,
		hand: !1
	};
	link = null;
	now = "ringing";
	why;
	quality;
	held = /* @__PURE__ */ new Set();
	lostAt = 0;
	detached = !1;
	timer;
	pulse = new tt();
	listening;
	constructor(e, t, n) {
		this.room = e, this.wire = t, this.peer = n, this.channel = new be({
			open: (e) => this.link?.createChannel(e) ?? null,
			state: (e) => {
				this.theirs = e, this.events.emit("remoteState", { ...e });
			},
			chat: (e) => this.events.emit("chat", {
				...e,
				from: n.id,
				name: n.name
			}),
			file: (e) => this.events.emit("file", {
				...e,
				from: n.id,
				fromName: n.name,
				mine: !1
			}),
			progress: (e, t, r) => this.events.emit("fileProgress", {
				id: e,
				to: n.id,
				done: t,
				total: r
			}),
			hangup: () => this.finish("hangup")
		});
	}
	get id() {
		return this.wire.id;
	}
	get incoming() {
		return this.wire.to === this.room.me.id;
	}
	get video() {
		return this.wire.video;
	}
	get state() {
		return this.now;
	}
	get reason() {
		return this.why;
	}
	get stream() {
		return this.streams.camera;
	}
	get screen() {
		return this.streams.screen;
	}
	get remoteState() {
		return { ...this.theirs };
	}
	on(e, t) {
		return this.events.on(e, t);
	}
	async accept(e) {
		if (!this.incoming || this.now !== "ringing") throw new t("no-call");
		this.setTracks(e), await this.room.request({
			t: "accept",
			call: this.id
		}), this.activate();
	}
	async decline() {
		this.end("decline", "declined");
	}
	async cancel() {
		this.end("cancel", "cancelled");
	}
	async hangup() {
		this.now === "ringing" ? this.end(this.incoming ? "decline" : "cancel", this.incoming ? "declined" : "cancelled") : this.end("hangup", "hangup");
	}
	setTracks(e) {
		let t = (t) => e.find((e) => e.kind === t) ?? null;
		this.send("mic", t("audio")), this.send("camera", t("video")), this.setState({
			mic: this.local.has("mic"),
			camera: this.local.has("camera")
		});
	}
	async replaceTrack(e, t) {
		this.send(e === "audio" ? "mic" : "camera", t);
	}
	async share(e) {
		this.send("screen", e?.find((e) => e.kind === "video") ?? null), this.send("screen-audio", e?.find((e) => e.kind === "audio") ?? null), this.setState({ screen: this.local.has("screen") });
	}
	setPictures(e) {
		this.held = e ? /* @__PURE__ */ new Set() : /* @__PURE__ */ new Set(["camera", "screen"]), this.link?.hold(this.held);
	}
	setState(e) {
		this.mine = {
			...this.mine,
			...e
		}, this.now !== "ended" && this.channel.tell(this.mine);
	}
	chat(e) {
		let n = [...e].length;
		if (n === 0 || n > 4e3) throw new t("bad-message", "text: must have 1 to 4000 code points");
		let i = {
			id: r(),
			text: e,
			at: Date.now()
		};
		return this.channel.send({
			t: "chat",
			...i
		}), {
			...i,
			from: this.room.me.id,
			name: this.room.me.name
		};
	}
	sendFile(e) {
		return this.channel.offer(e).transfer;
	}
	receiveFile(e, t = {}) {
		return this.channel.receive(e, t);
	}
	async stats() {
		let e = this.inspect(), t = await this.looker.look(e ? [e] : []), n = [...t.tracks.get(null) ?? [], ...t.tracks.get(this.peer.id) ?? []], r = t.paths.get(this.peer.id), i = this.quality ?? (this.link?.state === "connected" ? 4 : 0);
		return r ? {
			quality: i,
			path: r,
			tracks: n
		} : {
			quality: i,
			tracks: n
		};
	}
	update(e) {
		e.state === "active" ? this.activate() : e.state === "ended" && this.finish(e.reason ?? "hangup");
	}
	signal(e) {
		this.link?.receive(e);
	}
	nudge() {
		this.link?.nudge();
	}
	reconfigure() {
		this.link?.renew();
	}
	detach() {
		this.now === "ringing" ? this.finish("gone") : this.detached = !0;
	}
	finish(e) {
		if (this.now === "ended") return;
		this.now = "ended", this.why = e, clearInterval(this.timer), clearInterval(this.listening), this.channel.close();
		let t = this.link;
		this.link = null, t?.close(), this.streams = {
			camera: null,
			screen: null
		}, this.local.clear(), this.room.over(this), this.events.emit("state", this), this.events.close();
	}
	end(e, t) {
		if (this.now === "ended") return;
		let n = this.detached || !this.room.connected(), r = this.link;
		n && r && (this.channel.send({ t: "hangup" }), r.close(Ct)), this.room.post({
			t: e,
			call: this.id
		}), this.finish(t);
	}
	activate() {
		if (this.now !== "ringing") return;
		this.now = "connecting", this.lostAt = Date.now();
		let e = new L({
			...this.room.link,
			impolite: this.wire.from === this.room.me.id,
			sections: ["mic", "camera"],
			send: (e) => this.room.signal(this.peer.id, `c:${this.id}`, e),
			channel: (e) => this.channel.attach(e),
			opened: (e) => this.channel.opened(e),
			track: (e, t) => this.arrived(e, t),
			state: (e) => this.moved(e)
		});
		this.link = e;
		for (let [t, n] of this.local) e.set(t, n);
		e.hold(this.held), e.start(), this.timer = setInterval(() => void this.look(), xt), this.listening = setInterval(() => void this.listen(), St), this.events.emit("state", this);
	}
	send(e, t) {
		this.now !== "ended" && (t ? this.local.set(e, t) : this.local.delete(e), this.link?.set(e, t));
	}
	moved(e) {
		if (e === "connected") {
			if (this.lostAt = 0, this.now !== "connecting") return;
			this.now = "active", this.events.emit("state", this);
		} else this.lostAt === 0 && (this.lostAt = Date.now());
	}
	arrived(e, t) {
		let n = w(e), r = this.remote.get(e);
		t ? this.remote.set(e, t) : this.remote.delete(e);
		let i = this.streams[n];
		!i && t && (i = this.streams[n] = new this.room.link.env.MediaStream()), i && (r && i.removeTrack(r), t && i.addTrack(t), n === "camera" ? this.events.emit("stream", { stream: i }) : this.events.emit("screen", { stream: this.remote.has("screen") ? i : null }));
	}
	inspect() {
		let e = this.link?.connection;
		if (!e) return;
		let t = {
			peer: this.peer.id,
			pc: e,
			incoming: /* @__PURE__ */ new Map(),
			outgoing: /* @__PURE__ */ new Map()
		};
		for (let e of wt) {
			let n = this.link?.transceiver(e)?.mid;
			typeof n == "string" && (this.remote.has(e) && t.incoming.set(n, {
				member: this.peer.id,
				source: e
			}), this.local.has(e) && t.outgoing.set(n, e));
		}
		return t;
	}
	async listen() {
		let e = this.link?.connection;
		e && await nt(this.pulse, [e], (t, n) => {
			this.now === "active" && (n === "stopped" && this.room.stopped(), this.link?.beat(e, n));
		});
	}
	async look() {
		if (this.lostAt > 0 && Date.now() - this.lostAt > bt) {
			this.end("hangup", "failed");
			return;
		}
		let e = this.inspect();
		if (!e) return;
		let t = await this.monitor.look([e]), n = M([...t.tracks.values()].flat(), t.paths.get(this.peer.id), this.link?.state === "connected");
		n !== this.quality && this.now !== "ended" && (this.quality = n, this.events.emit("quality", { quality: n }));
	}
}, Et = 35, Dt = 150, Ot = 500, kt = class {
	send;
	refused;
	items = [];
	tokens = Dt;
	at = 0;
	timer;
	constructor(e, t) {
		this.send = e, this.refused = t;
	}
	add(e) {
		let t = this.items.find((t) => !t.sent && t.request.t === e.t);
		t && e.t === "view" ? t.request = e : t && e.t === "state" ? t.request = {
			...t.request,
			...e
		} : this.items.push({
			request: e,
			sent: !1
		}), this.flush();
	}
	clear() {
		clearTimeout(this.timer), this.timer = void 0, this.items = [];
	}
	flush() {
		clearTimeout(this.timer), this.timer = void 0;
		let e = Date.now();
		this.tokens = Math.min(Dt, this.tokens + (e - this.at) / 1e3 * Et), this.at = e;
		for (let e of [...this.items]) if (!e.sent) {
			if (this.tokens < 1) {
				this.timer = setTimeout(() => this.flush(), 1e3 / Et);
				return;
			}
			this.tokens--, this.deliver(e);
		}
	}
	deliver(e) {
		e.sent = !0;
		let n = e.request;
		this.send(n).then(() => this.drop(e), (r) => {
			if (!this.items.includes(e)) return;
			let i = r instanceof t ? r.code : "internal";
			i === "network" ? e.sent = !1 : i === "rate" || i === "overloaded" ? (e.sent = !1, clearTimeout(this.timer), this.timer = setTimeout(() => this.flush(), Ot)) : (this.drop(e), this.refused(n, r));
		});
	}
	drop(e) {
		this.items = this.items.filter((t) => t !== e);
	}
}, At = "veche.v1", z = {
	frame: 65536,
	large: 524288,
	depth: 16,
	seats: 64
}, B = f(0, 2 ** 31 - 1), V = l(/^[\w-]{1,64}$/, "an id"), H = l(/^[!#$%&'*+\-.^_`{|}~0-9A-Za-z]{1,32}$/, "a token"), jt = (e, t) => e === "" ? "" : H(e, t), U = p("mic", "camera", "screen", "screen-audio"), Mt = p("camera", "screen"), Nt = p("viewer", "speaker", "moderator"), Pt = p("p2p", "sfu"), W = f(0, 2 ** 53 - 1), G = m(c()), Ft = h({
	mic: u,
	camera: u,
	screen: u,
	hand: u
}), It = h({
	source: U,
	kind: p("audio", "video"),
	codec: c()
}), K = h({
	id: V,
	name: c(),
	role: Nt,
	agent: p("web", "whip", "whep", "bot", "stream", "output"),
	connected: u,
	state: Ft,
	tracks: m(It)
}), Lt = {
	name: c(1, 255, 255),
	size: f(0, 2 ** 53 - 1),
	mime: c(0, 127, 127)
}, Rt = h({
	id: l(/^[\w-]{1,62}$/, "an id"),
	...Lt
}), zt = h({
	id: V,
	from: V,
	name: c(),
	text: c(),
	to: g(V),
	at: W,
	file: g(Rt)
}), Bt = h({
	id: V,
	from: V,
	to: V,
	video: u,
	state: p("ringing", "active", "ended"),
	reason: g(p("declined", "busy", "timeout", "cancelled", "hangup", "gone", "unavailable")),
	at: W
}), Vt = h({
	urls: m(c()),
	username: g(c()),
	credential: g(c())
}), Ht = h({ video: g(c()) }), Ut = h({
	candidate: c(0, 1024, 1024),
	sdpMid: te(c(0, 32, 32)),
	sdpMLineIndex: te(f(0, 65535)),
	usernameFragment: te(c(0, 256, 256))
}), Wt = _(h({
	description: g(h({
		type: p("offer", "answer", "pranswer", "rollback"),
		sdp: c(0, z.large)
	})),
	candidate: g(ee(Ut)),
	close: g(u),
	meta: g(ne)
}), (e) => Object.keys(e).length > 0 || i("data", "nothing in it")), Gt = p("live", "waiting", "none", "muted", "paused", "undecodable"), Kt = h({
	seat: f(0, z.seats - 1),
	member: g(V),
	source: Mt,
	audio: Gt,
	video: Gt,
	codec: g(c()),
	rtp: g(f(0, 2 ** 32 - 1)),
	layer: g(h({
		index: B,
		of: B,
		spatial: B,
		temporal: B,
		width: g(B),
		height: g(B)
	})),
	why: g(p("tile", "bandwidth", "publisher", "choice"))
}), qt = h({
	source: Mt,
	wanted: m(B),
	spatial: g(B),
	temporal: g(B)
}), Jt = {
	welcome: h({
		v: f(1, 1),
		you: K,
		room: h({
			id: c(),
			kind: p("meeting", "broadcast", "lobby"),
			locked: u,
			topology: Pt,
			forced: u,
			epoch: B,
			video: G,
			audio: G,
			publish: Ht
		}),
		members: m(K),
		iceServers: m(Vt),
		may: G,
		resume: c(),
		n: W,
		resumed: g(p("replayed", "restored")),
		calls: m(Bt),
		chat: m(zt),
		limits: h({
			frame: B,
			sdp: B,
			seats: B
		})
	}),
	ok: h({
		pc: g(B),
		sdp: g(c()),
		call: g(Bt),
		chat: g(zt),
		iceServers: g(m(Vt))
	}),
	error: h({
		code: c(),
		message: c()
	}),
	pong: h({}),
	joined: h({ member: K }),
	left: h({
		member: V,
		reason: p("left", "gone", "removed", "slow", "ended")
	}),
	updated: h({ member: K }),
	room: h({
		locked: u,
		video: G,
		audio: G,
		publish: Ht
	}),
	topology: h({
		mode: Pt,
		epoch: B
	}),
	settled: h({ epoch: B }),
	seats: h({ seats: m(Kt) }),
	signal: h({
		from: V,
		link: c(1, 64, 64),
		data: Wt
	}),
	call: h({ call: Bt }),
	chat: h({ chat: zt }),
	resume: h({ token: c(1, 4096, 4096) }),
	muted: h({
		source: U,
		by: V
	}),
	media: h({
		pc: B,
		state: p("connected", "failed", "closed")
	}),
	layers: h({ tracks: m(qt) }),
	speaker: h({ member: g(V) }),
	link: h({
		estimate: W,
		lost: d(0, 100),
		rtt: B,
		limited: u
	}),
	bye: h({
		code: c(),
		message: c()
	})
}, Yt = /* @__PURE__ */ new Set([
	"welcome",
	"ok",
	"error",
	"pong",
	"bye"
]), Xt = h({
	n: g(f(0, 2 ** 53 - 1)),
	re: g(f(1, 2 ** 31 - 1))
});
function Zt(e) {
	let n = Qt(e), r = c()(n.t, "t");
	if (!Object.hasOwn(Jt, r)) throw new t("unknown-type", `t: ${r}`);
	let i = r, { n: a, re: o } = Xt(n, ""), s = {
		t: r,
		...Jt[i](n, "")
	};
	return a !== void 0 && !Yt.has(r) && (s.n = a), o !== void 0 && Yt.has(r) && (s.re = o), s;
}
function Qt(e) {
	let n;
	try {
		if (typeof e != "string") throw Error("not a text frame");
		n = JSON.parse(e);
	} catch (e) {
		throw new t("bad-json", void 0, { cause: e });
	}
	if (typeof n != "object" || !n || Array.isArray(n) || !$t(n, z.depth)) throw new t("bad-json");
	return n;
}
function $t(e, t) {
	return t !== 0 && Object.values(e).every((e) => typeof e != "object" || !e || $t(e, t - 1));
}
var q = (e) => new Set(e).size === e.length, en = p("opus", "g722", "pcmu", "pcma"), tn = p("vp8", "vp9", "av1", "h264", "h265"), J = (e) => {
	let t = m(e, 32);
	return (e, n) => {
		let r = t(e, n);
		return q(r) ? r : i(n, "a name twice");
	};
}, nn = h({
	audio: J(c(0, 62)),
	video: J(c(0, 62))
}), rn = {
	hello: h({
		v: (e, n) => {
			let r = m(B, 32)(e, n);
			if (!r.includes(1)) throw new t("version");
			return r;
		},
		room: (e, t) => {
			let n = c(1, 64)(e, t);
			return /[\u0000-\u001f\u007f]/.test(n) ? i(t, "a control character") : n;
		},
		kind: g(p("meeting", "broadcast", "lobby")),
		name: c(0, 64),
		token: g(c(1, 4096, 4096)),
		role: g(p("viewer")),
		agent: g(p("bot")),
		topology: g(p("auto", "p2p", "sfu")),
		video: g(J(tn)),
		audio: g(J(en)),
		decode: nn,
		encode: nn,
		state: Ft,
		resume: g(h({
			token: c(1, 4096, 4096),
			n: W
		}))
	}),
	leave: h({}),
	ping: h({ n: g(W) }),
	state: h({
		mic: g(u),
		camera: g(u),
		screen: g(u),
		hand: g(u)
	}),
	offer: _(h({
		pc: B,
		sdp: c(1, z.large, z.large),
		tracks: m(h({
			mid: H,
			source: U
		}), 4),
		seats: m(h({
			a: H,
			v: jt
		}), z.seats)
	}), (e, t) => {
		q(e.tracks.map((e) => e.source)) || t("tracks", "a source twice"), q(e.tracks.map((e) => e.mid)) || t("tracks", "a section is used twice"), q([...e.tracks.map((e) => e.mid), ...e.seats.flatMap((e) => e.v === "" ? [e.a] : [e.a, e.v])]) || t("seats", "a section is used twice");
	}),
	candidate: h({
		pc: B,
		candidate: ee(Ut)
	}),
	view: _(h({ seats: m(h({
		seat: f(0, z.seats - 1),
		member: V,
		source: Mt,
		width: d(0, 16384),
		height: d(0, 16384),
		paused: u
	}), z.seats) }), (e, t) => {
		q(e.seats.map((e) => e.seat)) || t("seats", "a seat twice");
		for (let t of e.seats) [t.width, t.height] = [Math.ceil(t.width), Math.ceil(t.height)];
	}),
	signal: h({
		to: V,
		link: c(1, 64, 64),
		data: Wt
	}),
	ready: h({ epoch: B }),
	ring: h({
		to: V,
		video: u
	}),
	accept: h({ call: V }),
	decline: h({ call: V }),
	cancel: h({ call: V }),
	hangup: h({ call: V }),
	chat: _(h({
		text: c(0, 4e3),
		to: g(V),
		file: g(h({
			id: g(l(/^[\w-]{1,62}$/, "an id")),
			...Lt
		}))
	}), (e, t) => {
		e.text === "" && !e.file && t("text", "empty");
	}),
	mute: h({
		member: V,
		source: U
	}),
	remove: h({ member: V }),
	lock: h({ locked: u }),
	role: h({
		member: V,
		role: Nt
	}),
	end: h({}),
	ice: h({})
}, an = new TextEncoder();
function on(e, n) {
	let r = c()(e.t, "t");
	if (!Object.hasOwn(rn, r)) throw new t("unknown-type", `t: ${r}`);
	let i = r === "offer" || r === "signal" ? z.large : z.frame;
	n !== void 0 && f(1, 2 ** 31 - 1)(n, "id");
	let a = n === void 0 ? {} : { id: n };
	if (!$t(e, z.depth)) throw new t("bad-json", "nested too deeply");
	let o;
	try {
		o = JSON.stringify({
			t: r,
			...a,
			...rn[r](e, "")
		});
	} catch (n) {
		throw JSON.stringify(e).length > i ? new t("too-big") : n;
	}
	if (o.length > i / 3 && an.encode(o).length > i) throw new t("too-big");
	return o;
}
Object.keys(Jt), Object.keys(rn);
// ../sdk/js/src/connection.ts
var sn = [
	3e3,
	5e3,
	1e4
], cn = 1e4, ln = 5e3, un = 2e3, dn = {
	trips: 3,
	least: 300,
	most: 1e3
}, fn = 1e3, pn = [
	0,
	300,
	600,
	1200,
	2400,
	3e3
], mn = 3, hn = /* @__PURE__ */ new Set([
	"shutdown",
	"slow",
	"idle",
	"overloaded",
	"internal"
]), gn = /* @__PURE__ */ new Set(["overloaded", "internal"]), _n = class {
	options;
	socket = null;
	welcomed = !1;
	over = !1;
	joined = !1;
	token;
	last = 2 ** 53 - 1;
	lastId = 0;
	attempts = 0;
	heard = !1;
	trip = dn.most;
	asked = 0;
	waiters = /* @__PURE__ */ new Map();
	timers = {};
	settle = null;
	outbox;
	constructor(e) {
		this.options = e, this.token = e.resume, this.outbox = new kt((e) => this.request(e), e.refused);
	}
	start(e) {
		return new Promise((n, r) => {
			let i = () => this.finish(new t("aborted"));
			if (e?.aborted) {
				r(new t("aborted"));
				return;
			}
			e?.addEventListener("abort", i, { once: !0 });
			let a = () => e?.removeEventListener("abort", i);
			this.settle = {
				resolve: (e) => {
					a(), n(e);
				},
				reject: (e) => {
					a(), r(e);
				}
			}, this.open();
		});
	}
	get connected() {
		return this.welcomed;
	}
	request(e) {
		return this.over ? Promise.reject(new t("left")) : this.welcomed ? this.say(e) : Promise.reject(new t("network", "not connected"));
	}
	post(e) {
		this.over || this.outbox.add(e);
	}
	forget() {
		this.outbox.clear();
	}
	nudge() {
		this.over || (this.welcomed ? this.ping(un) : this.timers.retry !== void 0 && (this.clear("retry"), this.attempts = 0, this.open()));
	}
	suspect() {
		if (this.over || !this.welcomed) return;
		let { trips: e, least: t, most: n } = dn;
		this.ping(Math.max(t, Math.min(n, this.trip * e)));
	}
	async leave() {
		if (this.over) return;
		let e = this.socket, n = this.welcomed ? this.say({ t: "leave" }).then(() => {}, () => {}) : Promise.resolve();
		this.over = !0, this.stop(), await Promise.race([n, new Promise((e) => setTimeout(e, fn))]), this.fail(new t("left")), e && vn(e, 1e3), this.socket = null;
	}
	say(e) {
		return new Promise((n, r) => {
			let i = this.lastId % (2 ** 31 - 1) + 1;
			try {
				let t = on(e, i);
				this.lastId = i, this.waiters.set(i, {
					resolve: n,
					reject: r
				}), this.socket?.send(t);
			} catch (e) {
				this.waiters.delete(i), r(e instanceof t ? e : new t("network", void 0, { cause: e }));
			}
		});
	}
	open() {
		this.clear("retry"), this.attempts++;
		let e;
		try {
			e = new this.options.WebSocket(this.options.url, At);
		} catch (e) {
			this.finish(new t("unsupported", "no WebSocket to this URL", { cause: e }));
			return;
		}
		this.socket = e;
		let n = sn[Math.min(this.attempts, sn.length) - 1];
		this.timers.open = setTimeout(() => this.lost(e), n), e.onopen = () => this.hello(e), e.onmessage = (t) => this.socket === e && this.receive(t.data), e.onclose = () => this.lost(e);
	}
	hello(e) {
		if (this.socket !== e) return;
		this.asked = Date.now();
		let t = this.token ? { resume: {
			token: this.token,
			n: this.last
		} } : {};
		this.say({
			t: "hello",
			v: [1],
			...this.options.hello(),
			...t
		}).catch((t) => {
			this.socket !== e || t.code === "network" || this.over || (gn.has(t.code) && (this.joined || this.attempts < mn) ? this.lost(e) : this.finish(t));
		});
	}
	receive(e) {
		this.heard = !0;
		let r;
		try {
			r = Zt(e);
		} catch (t) {
			if (t.code !== "unknown-type") {
				this.socket && this.lost(this.socket);
				return;
			}
			this.skip(e);
			return;
		}
		switch (r.t) {
			case "welcome":
				this.over || this.greet(r);
				return;
			case "ok":
			case "pong":
				this.answer(r.re)?.resolve(r.t === "ok" ? r : { t: "ok" });
				return;
			case "error": {
				let e = new t(n(r.code), r.message);
				this.answer(r.re)?.reject(e);
				return;
			}
			case "bye":
				this.bye(r.code, r.message);
				return;
			case "resume":
				if (this.over || !this.inOrder(r.n)) return;
				this.token = r.token, this.options.renewed(r.token);
				return;
			default: !this.over && this.inOrder(r.n) && this.options.event(r);
		}
	}
	answer(e) {
		if (e === void 0) return;
		let t = this.waiters.get(e);
		return this.waiters.delete(e), t;
	}
	skip(e) {
		let t = JSON.parse(e).n;
		typeof t == "number" && this.inOrder(t);
	}
	inOrder(e) {
		return !this.welcomed || e === void 0 || e <= this.last ? !1 : e > this.last + 1 ? (this.socket && this.lost(this.socket), !1) : (this.last = e, !0);
	}
	greet(e) {
		e.re !== void 0 && this.waiters.delete(e.re), this.clear("open"), this.trip = Date.now() - this.asked, this.token = e.resume, this.last = e.n, this.attempts = 0, this.welcomed = !0, this.joined = !0, this.schedulePing(), e.resumed !== "replayed" && this.outbox.clear(), this.options.welcome(e), this.settle?.resolve(e), this.settle = null, this.over || (this.options.state("connected"), this.outbox.flush());
	}
	bye(e, r) {
		let i = this.socket;
		hn.has(e) && i ? !this.joined && this.attempts >= mn ? this.finish(new t(n(e), r)) : this.lost(i) : this.over || this.finish(new t(n(e), r));
	}
	lost(e) {
		if (this.socket !== e) return;
		let n = this.welcomed;
		if (this.release(), vn(e, 4e3), this.fail(new t("network", "the connection was lost")), this.over) return;
		if (!this.joined && this.attempts >= mn) {
			this.finish(new t("network"));
			return;
		}
		n && (this.attempts = 0);
		let r = pn[Math.min(this.attempts, pn.length - 1)] ?? 0;
		this.timers.retry = setTimeout(() => this.open(), r * (.5 + Math.random() / 2)), this.joined && this.options.state("reconnecting");
	}
	finish(e) {
		if (this.over) return;
		let t = this.socket;
		this.over = !0, this.stop(), this.release(), this.fail(e), t && vn(t, 1e3), this.settle ? this.settle.reject(e) : this.options.closed(e), this.settle = null;
	}
	release() {
		this.socket = null, this.welcomed = !1;
		for (let e of [
			"open",
			"ping",
			"pong"
		]) this.clear(e);
	}
	stop() {
		for (let e of [
			"open",
			"retry",
			"ping",
			"pong"
		]) this.clear(e);
		this.outbox.clear();
	}
	fail(e) {
		let t = [...this.waiters.values()];
		this.waiters.clear();
		for (let n of t) n.reject(e);
	}
	clear(e) {
		clearTimeout(this.timers[e]), delete this.timers[e];
	}
	schedulePing() {
		this.clear("ping"), this.timers.ping = setTimeout(() => this.ping(ln), cn);
	}
	ping(e) {
		let t = this.socket;
		if (!t || !this.welcomed) return;
		this.heard = !1;
		let n = Date.now();
		this.say({
			t: "ping",
			n: this.last
		}).then(() => {
			this.trip = Date.now() - n;
		}, () => {}), this.clear("pong"), this.timers.pong = setTimeout(() => {
			this.heard || this.lost(t);
		}, e), this.schedulePing();
	}
};
function vn(e, t) {
	e.onopen = e.onmessage = e.onclose = null;
	try {
		e.close(t);
	} catch {}
}
// ../sdk/js/src/saved.ts
var yn = class {
	storage;
	key;
	token;
	generation = 0;
	constructor(e, t) {
		this.storage = e, this.key = t;
		try {
			let n = JSON.parse(e?.getItem(t) ?? "null");
			typeof n?.token == "string" && n.token && (this.token = n.token), Number.isInteger(n?.pc) && (this.generation = n.pc);
		} catch {}
	}
	get resume() {
		return this.token;
	}
	keep(e) {
		this.token = e, this.write();
	}
	nextGeneration() {
		return this.generation++, this.write(), this.generation;
	}
	clear() {
		this.token = void 0, this.attempt(() => this.storage?.removeItem(this.key));
	}
	write() {
		this.attempt(() => this.storage?.setItem(this.key, JSON.stringify({
			token: this.token,
			pc: this.generation
		})));
	}
	attempt(e) {
		try {
			e();
		} catch {}
	}
};
function bn(e) {
	let n;
	try {
		n = new URL("ws", e);
	} catch (e) {
		throw new t("bad-message", "url: not an absolute URL", { cause: e });
	}
	return n.protocol = n.protocol.replace("http", "ws"), n.search = n.hash = "", n.href;
}
// ../sdk/js/src/calls.ts
var xn = 100, Sn = class {
	options;
	all = /* @__PURE__ */ new Map();
	past = [];
	ringing = /* @__PURE__ */ new Set();
	constructor(e) {
		this.options = e;
	}
	async ring(e, n) {
		if (this.ringing.has(e)) throw new t("busy");
		this.ringing.add(e);
		try {
			let { call: r } = await this.options.request({
				t: "ring",
				to: e,
				video: n
			});
			if (!r) throw new t("internal", "no call in the reply");
			return this.find(r) ?? this.make(r);
		} catch (t) {
			for (let t of this.all.values()) t.peer.id === e && t.state === "ringing" && t.incoming && this.options.incoming(t);
			throw t;
		} finally {
			this.ringing.delete(e);
		}
	}
	event(e) {
		if (this.find(e) || this.past.includes(e.id)) return;
		let t = this.make(e);
		t.incoming && !this.ringing.has(t.peer.id) && this.options.incoming(t);
	}
	signal(e, t, n) {
		let r = this.all.get(t);
		r?.peer.id === e && r.signal(n);
	}
	restored(e, t) {
		let n = new Set(e.map((e) => e.id));
		for (let e of [...this.all.values()]) n.has(e.id) || e.detach();
		for (let n of e) t && n.state === "active" ? (this.options.room.post({
			t: "hangup",
			call: n.id
		}), this.forget(n.id)) : this.event(n);
	}
	nudge() {
		for (let e of this.all.values()) e.nudge();
	}
	reconfigure() {
		for (let e of this.all.values()) e.reconfigure();
	}
	close() {
		for (let e of [...this.all.values()]) e.finish("gone");
	}
	find(e) {
		let t = this.all.get(e.id);
		return t?.update(e), t;
	}
	make(e) {
		let { room: t, request: n } = this.options, r = e.from === t.me.id ? e.to : e.from, i = this.options.nameOf(r), a = new Tt({
			...t,
			request: n,
			over: (e) => this.over(e)
		}, e, {
			id: r,
			name: i
		});
		return this.all.set(e.id, a), a.update(e), a;
	}
	over(e) {
		this.all.delete(e.id), this.forget(e.id);
	}
	forget(e) {
		this.past.push(e), this.past.length > xn && this.past.shift();
	}
}, Cn = 3e4, wn = 1500, Tn = class {
	options;
	offers = /* @__PURE__ */ new Map();
	mine = /* @__PURE__ */ new Map();
	runs = /* @__PURE__ */ new Map();
	constructor(e) {
		this.options = e;
	}
	announced(e) {
		let { file: t } = e;
		if (!t) return;
		let n = this.offers.get(t.id);
		if (n) return n;
		let r = {
			...t,
			from: e.from,
			fromName: e.name,
			at: e.at,
			mine: e.from === this.options.me(),
			...e.to ? { to: e.to } : {}
		};
		return this.offers.set(t.id, r), this.options.offered(r), r;
	}
	keep(e, t) {
		this.mine.set(e, t);
	}
	async receive(e, n) {
		let r = this.offers.get(e);
		if (!r) throw new t("transfer", "no such file");
		let i = this.mine.get(e);
		if (i) return i;
		if (n.signal?.aborted) throw new t("aborted");
		this.runs.get(Y(e, r.from))?.stop.abort();
		let a = new AbortController(), o = () => a.abort();
		n.signal?.addEventListener("abort", o, { once: !0 });
		let s = setTimeout(o, Cn);
		try {
			let t = await this.connect(e, r.from, !0, a);
			return clearTimeout(s), await me(t, r, {
				...n,
				signal: a.signal
			});
		} catch (e) {
			throw a.signal.aborted && !n.signal?.aborted ? new t("transfer", "the sender is gone") : e;
		} finally {
			clearTimeout(s), n.signal?.removeEventListener("abort", o), this.end(e, r.from, a);
		}
	}
	signal(e, t, n) {
		let r = this.runs.get(Y(t, e));
		if (n.close) {
			r?.stop.abort();
			return;
		}
		if (r) {
			r.link.receive(n);
			return;
		}
		let i = this.mine.get(t), a = this.offers.get(t);
		i && a && (a.to === void 0 || a.to === e) && this.give(t, e, i, n);
	}
	left(e) {
		for (let t of this.runs.values()) t.peer === e && t.stop.abort();
	}
	close() {
		for (let e of [...this.runs.values()]) e.stop.abort(), e.link.close();
		this.runs.clear(), this.mine.clear();
	}
	async give(e, t, n, r) {
		let i = new AbortController(), a = setTimeout(() => i.abort(), Cn), o = this.connect(e, t, !1, i);
		this.runs.get(Y(e, t))?.link.receive(r);
		try {
			let r = await o;
			clearTimeout(a), await de(r, n, {
				progress: (r) => this.options.progress({
					id: e,
					to: t,
					done: r,
					total: n.size
				}),
				signal: i.signal
			});
		} catch {} finally {
			clearTimeout(a), this.end(e, t, i);
		}
	}
	connect(e, n, r, i) {
		return new Promise((a, o) => {
			let s = `f:${e}`, c = new L({
				...this.options.link,
				codecs: {
					audio: [],
					video: []
				},
				sections: [],
				impolite: r,
				send: (e) => this.options.signal(n, s, e),
				channel: (e) => e.addEventListener("open", () => a(e)),
				track: () => {},
				state: () => {}
			});
			i.signal.addEventListener("abort", () => o(new t("aborted")), { once: !0 }), this.runs.set(Y(e, n), {
				peer: n,
				link: c,
				stop: i
			}), c.start();
		});
	}
	end(e, t, n) {
		let r = this.runs.get(Y(e, t));
		r?.stop === n && (this.runs.delete(Y(e, t)), n.signal.aborted ? (this.options.signal(t, `f:${e}`, { close: !0 }), r.link.close()) : r.link.close(wn));
	}
}, Y = (e, t) => `${e} ${t}`, En = 9e4, Dn = 2e3, On = class {
	fetch;
	relayOnly = !1;
	servers = [];
	at = 0;
	fetching = null;
	constructor(e) {
		this.fetch = e;
	}
	set(e) {
		this.servers = e.map((e) => ({ ...e })), this.at = Date.now();
	}
	async config() {
		return Date.now() - this.at > En && (this.fetching ??= this.refresh().finally(() => {
			this.fetching = null;
		}), await this.fetching), {
			iceServers: this.servers,
			iceTransportPolicy: this.relayOnly ? "relay" : "all",
			bundlePolicy: "max-bundle"
		};
	}
	async refresh() {
		let e, t = new Promise((t) => {
			e = setTimeout(() => t(void 0), Dn);
		});
		try {
			let e = await Promise.race([this.fetch(), t]);
			e?.iceServers && this.set(e.iceServers);
		} catch {} finally {
			clearTimeout(e);
		}
	}
}, kn = [
	"leave",
	"ping",
	"state",
	"offer",
	"candidate",
	"view",
	"signal",
	"ready",
	"chat",
	"ice"
], An = [
	"ring",
	"accept",
	"decline",
	"cancel",
	"hangup"
], jn = [
	"mute",
	"remove",
	"lock",
	"role",
	"end"
], Mn = [
	"offer",
	"candidate",
	"view"
];
function Nn(e, t) {
	let n = new Set(kn);
	if (e !== "viewer" && t !== "broadcast") for (let e of An) n.add(e);
	if (e === "moderator") for (let e of jn) n.add(e);
	if (t === "lobby") for (let e of Mn) n.delete(e);
	return n;
}
// ../sdk/js/src/flow.ts
var Pn = 120, Fn = 600, In = 6e3, Ln = class {
	began;
	entries = /* @__PURE__ */ new Map();
	timer;
	eagerUntil = 0;
	closed = !1;
	constructor(e) {
		this.began = e;
	}
	flows(e, t) {
		let n = this.entries.get(e);
		return t ? n?.track === t.track ? n.flows : (this.entries.set(e, {
			track: t.track,
			receiver: t.receiver,
			flows: !1
		}), this.hurry(), !1) : (this.entries.delete(e), !1);
	}
	forget(e) {
		for (let t of this.entries.keys()) t.startsWith(e) && this.entries.delete(t);
	}
	hurry() {
		this.eagerUntil = Date.now() + In, clearTimeout(this.timer), this.schedule();
	}
	close() {
		this.closed = !0, clearTimeout(this.timer), this.entries.clear();
	}
	schedule() {
		!this.closed && [...this.entries.values()].some((e) => !e.flows) && (this.timer = setTimeout(() => void this.look(), Date.now() < this.eagerUntil ? Pn : Fn));
	}
	async look() {
		let e = [...this.entries].filter(([, e]) => !e.flows);
		await Promise.all(e.map(async ([e, t]) => {
			let n = await Rn(t.receiver);
			this.entries.get(e) === t && n !== 0 && (t.flows = !0, this.closed || this.began(e));
		})), clearTimeout(this.timer), this.schedule();
	}
};
async function Rn(e) {
	try {
		for (let t of (await e.getStats()).values()) if (t.type === "inbound-rtp") return e.track.kind === "video" ? t.framesDecoded ?? 0 : t.packetsReceived ?? 0;
	} catch {}
	return 0;
}
// ../sdk/js/src/media.ts
var zn = 1e4, Bn = ["camera", "screen"], Vn = [
	"mic",
	"camera",
	"screen",
	"screen-audio"
], Hn = class {
	options;
	paths = [];
	local = /* @__PURE__ */ new Map();
	flow;
	tags = /* @__PURE__ */ new WeakMap();
	lastTag = 0;
	epoch = -1;
	readyFor = -1;
	checking = !1;
	timer;
	closed = !1;
	constructor(e) {
		this.options = e, this.flow = new Ln((e) => this.refresh(e.split(" ")[1] ?? ""));
	}
	get current() {
		return this.paths[this.paths.length - 1];
	}
	path(e) {
		return this.paths.find((t) => t.mode === e);
	}
	get published() {
		return this.local;
	}
	switchTo(e, t) {
		this.epoch = t, this.readyFor = -1;
		let n = this.path(e);
		if (!n) {
			n = this.options.open(e), this.tags.set(n, ++this.lastTag);
			for (let [e, t] of this.local) n.set(e, t);
		}
		this.paths = [...this.paths.filter((e) => e !== n), n], n.update(), clearTimeout(this.timer), this.paths.length > 1 && (this.timer = setTimeout(() => this.settle(), zn)), this.flow.hurry(), this.refreshAll();
	}
	settled(e) {
		e === this.epoch && this.settle();
	}
	settle() {
		clearTimeout(this.timer);
		let e = this.paths.slice(0, -1);
		this.paths = this.paths.slice(-1), this.refreshAll();
		for (let t of e) t.close(), this.flow.forget(`${this.tags.get(t)} `);
	}
	publish(e, t) {
		t ? this.local.set(e, t) : this.local.delete(e);
		for (let n of this.paths) n.set(e, t);
	}
	update(e) {
		for (let e of this.paths) e.update();
		e === void 0 ? this.refreshAll() : this.options.records().has(e) ? this.refresh(e) : this.check();
	}
	inspect() {
		return this.paths.flatMap((e) => e.inspect());
	}
	nudge() {
		for (let e of this.paths) e.nudge();
	}
	beat(e, t) {
		for (let n of this.paths) n.beat(e, t);
	}
	reconfigure() {
		for (let e of this.paths) e.reconfigure();
	}
	refresh(e) {
		let t = this.options.records().get(e);
		if (t && !this.closed) {
			for (let n of Bn) this.refreshHalf(e, t, n);
			this.check();
		}
	}
	refreshAll() {
		for (let e of this.options.records().keys()) this.refresh(e);
		this.check();
	}
	reset() {
		let e = this.paths;
		this.paths = [];
		for (let t of e) t.close();
		this.flow.forget(""), this.refreshAll();
	}
	close() {
		this.closed = !0, clearTimeout(this.timer), this.flow.close();
		for (let e of this.paths) e.close();
		this.paths = [];
	}
	flows(e, t, n) {
		return this.flow.flows(`${this.tags.get(e)} ${t} ${n}`, e.arrival(t, n));
	}
	choose(e, t) {
		let n = null;
		for (let r of [...this.paths].reverse()) {
			let i = r.arrival(e, t)?.track;
			if (i) {
				if (this.flows(r, e, t)) return i;
				n = i;
			}
		}
		return n;
	}
	refreshHalf(e, t, n) {
		let r = t.halves[n], i = E(n), a = [this.choose(e, i.audio), this.choose(e, i.video)].filter((e) => e !== null), o = !1;
		a.length > 0 && !r.stream && (r.stream = new this.options.env.MediaStream());
		let s = r.stream;
		if (s) {
			for (let e of s.getTracks()) a.includes(e) || (s.removeTrack(e), o = !0);
			for (let e of a) s.getTracks().includes(e) || (s.addTrack(e), o = !0);
		}
		let c = this.statusOf(e, n);
		(o || JSON.stringify(c) !== JSON.stringify(r.status)) && (r.status = c, this.options.stream(e, n));
	}
	statusOf(e, t) {
		let [n, ...r] = [...this.paths].reverse().map((n) => n.status(e, t, (t) => this.flows(n, e, t)));
		if (!n) return {
			audio: "none",
			video: "none"
		};
		let i = { ...n };
		for (let e of r) i.audio !== "live" && e.audio === "live" && (i.audio = "live"), i.video !== "live" && e.video === "live" && (i.video = "live", e.codec && (i.codec = e.codec));
		return i;
	}
	check() {
		this.checking || this.readyFor === this.epoch || (this.checking = !0, queueMicrotask(() => {
			this.checking = !1;
			let e = this.current;
			if (!this.closed && e && this.readyFor !== this.epoch) {
				for (let [t, n] of this.options.records()) if (n.member.connected) {
					for (let n of Vn) if (n !== "screen-audio" && e.expects(t, n) && !this.flows(e, t, n)) return;
				}
				this.readyFor = this.epoch, this.options.ready(this.epoch);
			}
		}));
	}
};
// ../sdk/js/src/path.ts
function X(e, t) {
	return t === "screen-audio" ? e.state.screen : e.state[t];
}
// ../sdk/js/src/mesh.ts
var Un = /* @__PURE__ */ new Set(), Wn = class {
	options;
	mode = "p2p";
	local = /* @__PURE__ */ new Map();
	peers = /* @__PURE__ */ new Map();
	closed = !1;
	constructor(e) {
		this.options = e;
	}
	set(e, t) {
		t ? this.local.set(e, t) : this.local.delete(e);
		for (let n of this.peers.values()) n.link.set(e, t);
	}
	update() {
		if (this.closed) return;
		let e = /* @__PURE__ */ new Set();
		for (let t of this.options.roster.others()) this.linked(t) && e.add(t.id);
		for (let t of [...this.peers.keys()]) e.has(t) || this.drop(t);
		for (let t of e) this.peers.has(t) || this.add(t, this.options.epoch());
		let t = this.options.held();
		for (let [e, n] of this.peers) {
			let r = n.held;
			n.held = t.get(e) ?? Un, n.link.hold(n.held), r.size !== n.held.size && this.options.changed(e);
		}
	}
	receive(e, t, n) {
		let r = this.options.roster.get(e);
		if (this.closed || !r || !this.linked(r)) return;
		let i = this.peers.get(e);
		i && i.epoch > t && t !== this.options.epoch() || (i && i.epoch !== t && this.drop(e), (this.peers.get(e) ?? this.add(e, t)).link.receive(n));
	}
	arrival(e, t) {
		return this.peers.get(e)?.arrivals.get(t);
	}
	expects(e, t) {
		let n = this.options.roster.get(e), r = this.peers.get(e)?.held.has(t) === !0;
		return !!n && this.linked(n) && X(n, t) && !r && !this.refused(e, t);
	}
	status(e, t, n) {
		let { audio: r, video: i } = E(t), a = (t) => {
			let r = this.peers.get(e), i = this.options.roster.get(e), a = !!i && X(i, t);
			return this.refused(e, t) ? a ? "undecodable" : "none" : r?.arrivals.has(t) ? a ? r.held.has(t) ? "paused" : n(t) && r.link.state === "connected" ? "live" : "waiting" : "muted" : a && t !== "screen-audio" ? "waiting" : "none";
		};
		return {
			audio: a(r),
			video: a(i)
		};
	}
	inspect() {
		let e = [];
		for (let [t, n] of this.peers) {
			let r = n.link.connection;
			if (!r) continue;
			let i = {
				peer: t,
				pc: r,
				incoming: /* @__PURE__ */ new Map(),
				outgoing: /* @__PURE__ */ new Map()
			};
			for (let e of [
				"mic",
				"camera",
				"screen",
				"screen-audio"
			]) {
				let r = n.link.transceiver(e)?.mid;
				typeof r == "string" && (n.arrivals.has(e) && i.incoming.set(r, {
					member: t,
					source: e
				}), this.local.has(e) && i.outgoing.set(r, e));
			}
			e.push(i);
		}
		return e;
	}
	nudge() {
		for (let e of this.peers.values()) e.link.nudge();
	}
	beat(e, t) {
		for (let n of this.peers.values()) n.link.beat(e, t);
	}
	reconfigure() {
		for (let e of this.peers.values()) e.link.renew();
	}
	close() {
		this.closed = !0;
		for (let e of this.peers.values()) e.link.close();
		this.peers.clear();
	}
	linked(e) {
		return this.options.roster.speaks && e.agent === "web" && e.role !== "viewer";
	}
	refused(e, t) {
		return this.peers.get(e)?.link.transceiver(t)?.currentDirection === "stopped";
	}
	add(e, t) {
		let { link: n, roster: r, signal: i, changed: a } = this.options, o = `m:${t}`, s = /* @__PURE__ */ new Map(), c = {
			name: o,
			epoch: t,
			arrivals: s,
			held: Un,
			link: new L({
				...n,
				impolite: r.me < e,
				sections: ["mic", "camera"],
				send: (t) => i(e, o, t),
				track: (t, n, r) => {
					n && r ? s.set(t, {
						track: n,
						receiver: r
					}) : s.delete(t), a(e);
				},
				state: (t) => a(e)
			})
		};
		this.peers.set(e, c);
		for (let [e, t] of this.local) c.link.set(e, t);
		return c.link.start(), c;
	}
	drop(e) {
		let t = this.peers.get(e);
		this.peers.delete(e), t?.link.close(), t && this.options.changed(e);
	}
}, Gn = 8e3, Kn = class {
	events;
	participants = /* @__PURE__ */ new Map();
	records = /* @__PURE__ */ new Map();
	own;
	self;
	missing = /* @__PURE__ */ new Set();
	timer;
	constructor(e, t) {
		this.events = t, this.own = Ie(e), this.self = new Le(this.own, !0);
	}
	get me() {
		return this.own.member.id;
	}
	get speaks() {
		return this.own.member.role !== "viewer";
	}
	get(e) {
		return this.records.get(e)?.member;
	}
	*others() {
		for (let e of this.records.values()) yield e.member;
	}
	nameOf(e) {
		return e === this.me ? this.own.member.name : this.records.get(e)?.member.name ?? "";
	}
	add(e) {
		let t = this.records.get(e.id);
		if (t) {
			this.missing.delete(e.id), this.change(t, e);
			return;
		}
		let n = Ie(e), r = new Le(n, !1);
		this.records.set(e.id, n), this.participants.set(e.id, r), this.events.joined(r);
	}
	update(e) {
		let t = e.id === this.me ? this.own : this.records.get(e.id);
		t && this.change(t, e);
	}
	remove(e, t) {
		let n = this.participants.get(e);
		this.missing.delete(e), this.records.delete(e), this.participants.delete(e), n && this.events.left(n, t);
	}
	reset(e, t, n) {
		this.change(this.own, e);
		let r = new Set(t.map((e) => e.id));
		for (let e of [...this.records.keys()]) {
			if (r.has(e)) continue;
			if (!n) {
				this.remove(e, "gone");
				continue;
			}
			this.missing.add(e);
			let t = this.records.get(e);
			t && this.change(t, {
				...t.member,
				connected: !1
			});
		}
		for (let e of t) this.add(e);
		clearTimeout(this.timer), this.missing.size > 0 && (this.timer = setTimeout(() => {
			for (let e of [...this.missing]) this.remove(e, "gone");
		}, Gn));
	}
	close() {
		clearTimeout(this.timer);
	}
	change(e, t) {
		if (JSON.stringify(e.member) === JSON.stringify(t)) return;
		e.member = t;
		let n = e === this.own ? this.self : this.participants.get(t.id);
		n && this.events.updated(n);
	}
}, qn = [
	"l",
	"m",
	"h"
], Jn = ["l", "h"], Yn = /* @__PURE__ */ new Set(["vp9", "av1"]), Z = 3;
function Xn(e, t) {
	let { width: n = 0, height: r = 0 } = t.getSettings?.() ?? {}, i = $n(e, n, r), a = `L1T${Z}`;
	return i === 1 ? [{ scalabilityMode: a }] : (e === "screen" ? Jn : qn.slice(0, i)).map((e, t) => ({
		rid: e,
		scaleResolutionDownBy: 2 ** (i - 1 - t),
		scalabilityMode: a
	}));
}
var Zn = [
	[2073600, 3e6],
	[921600, 17e5],
	[518400, 11e5],
	[230400, 6e5],
	[129600, 35e4],
	[0, 18e4]
];
function Qn(e, t) {
	let n = Zn.find(([e]) => t >= e)?.[1] ?? 18e4;
	return e === "screen" ? Math.max(5e5, Math.min(25e5, Math.round(n * 1.5))) : n;
}
function $n(e, t, n) {
	let r = t * n;
	return e === "screen" ? r >= 518400 || r === 0 ? 2 : 1 : r >= 518400 || r === 0 ? 3 : r >= 129600 ? 2 : 1;
}
function er(e) {
	let t = $n(e.source, e.width, e.height), n = e.count > 1 && !Yn.has(e.codec) && (e.layered || e.codec === "vp8") ? tr(e, Math.min(t, e.count)) : [nr(e, t)];
	for (; n.length < e.count;) n.push({
		active: !1,
		scaleResolutionDownBy: 1,
		maxBitrate: 1e5
	});
	return n;
}
function tr(e, t) {
	return Array.from({ length: t }, (n, r) => {
		let i = 2 ** (t - 1 - r);
		return {
			active: !e.wanted || e.wanted.wanted.includes(r),
			scaleResolutionDownBy: i,
			maxBitrate: Qn(e.source, e.width * e.height / i ** 2),
			...e.layered ? { scalabilityMode: `L1T${Z}` } : {}
		};
	});
}
function nr(e, t) {
	let n = e.layered && Yn.has(e.codec) ? t : 1, r = Math.min(n, (e.wanted?.spatial ?? n - 1) + 1), i = 2 ** (n - r), a = {
		active: !e.wanted || e.wanted.wanted.length > 0,
		scaleResolutionDownBy: i,
		maxBitrate: Qn(e.source, e.width * e.height / i ** 2)
	};
	return e.layered && (a.scalabilityMode = r > 1 ? `L${r}T${Z}_KEY` : `L1T${Z}`), a;
}
var rr = class {
	source;
	section;
	wanted;
	layered;
	setting = Promise.resolve();
	last = "";
	constructor(e, t) {
		this.source = e, this.section = t, this.layered = ir(t.sender).some((e) => e.scalabilityMode !== void 0);
	}
	want(e) {
		this.wanted = e, this.apply();
	}
	apply(e) {
		this.setting = this.setting.then(() => this.set(e)).catch(() => {});
	}
	async set(e) {
		let { sender: t } = this.section;
		if (!t.track || !t.getParameters) return;
		let n = t.getParameters(), r = n.encodings ?? [];
		if (r.length === 0) return;
		let i = n.codecs?.[0]?.mimeType, a = i ? b(i) : e ?? "vp8", { width: o = 0, height: s = 0 } = t.track.getSettings?.() ?? {}, c = er({
			source: this.source,
			codec: a,
			layered: this.layered,
			count: r.length,
			width: o,
			height: s,
			wanted: this.wanted
		}), l = JSON.stringify(c);
		if (!(l === this.last && c.every((e, t) => r[t]?.active === e.active))) {
			for (let [e, t] of r.entries()) Object.assign(t, c[e]);
			try {
				await t.setParameters(n);
			} catch {
				let e = t.getParameters();
				e.encodings.forEach((e, t) => {
					Object.assign(e, c[t]), delete e.scalabilityMode;
				}), await t.setParameters(e);
			}
			this.last = l;
		}
	}
};
function ir(e) {
	return e.getParameters?.().encodings ?? [];
}
var Q = (e) => e.paused === !0 && e.source === "camera" && !(e.width > 0 && e.height > 0);
function ar(e, t) {
	let n = e.filter((e) => e.source === "camera" && t(e.member)), r = e.filter((e) => !(Q(e) && t(e.member))), i = r.filter(Q).length > 5;
	return {
		pair: i ? r.filter((e) => !Q(e)) : r,
		other: n,
		loud: i ? 5 : 0
	};
}
var or = [
	1,
	2,
	4,
	9,
	16,
	25,
	36,
	49,
	64
];
function sr(e, t) {
	return e <= 0 ? 0 : Math.min(or.find((t) => t >= e) ?? t, t);
}
var $ = (e) => `${e.source} ${e.member}`;
function cr(e, t, n) {
	let r = new Map(t.map((e) => [$(e), e.seat])), i = [...new Map(e.map((e) => [$(e), e])).values()].slice(0, n), a = new Set(i.map((e) => r.get($(e))).filter((e) => e !== void 0 && e < n)), o = 0;
	return i.map((e) => {
		let t = r.get($(e));
		if (t === void 0 || t >= n) {
			for (; a.has(o);) o++;
			t = o, a.add(t);
		}
		return {
			seat: t,
			member: e.member,
			source: e.source,
			width: lr(e.width),
			height: lr(e.height),
			paused: e.paused === !0
		};
	}).sort((e, t) => e.seat - t.seat);
}
function lr(e) {
	return Number.isFinite(e) ? Math.min(16384, Math.ceil(Math.max(0, e) / 16) * 16) : 16384;
}
function ur(e, t) {
	return JSON.stringify(e) === JSON.stringify(t);
}
var dr = [
	"live",
	"waiting",
	"muted",
	"paused",
	"undecodable",
	"none"
], fr = class {
	seats = [];
	apply(e) {
		let t = /* @__PURE__ */ new Set();
		for (let n of e) {
			let e = this.seats[n.seat]?.member;
			e && t.add(e), n.member && t.add(n.member), this.seats[n.seat] = n;
		}
		return t;
	}
	find(e, t, n) {
		let r;
		for (let i of this.seats) i?.member === e && i.source === t && (!r || dr.indexOf(i[n]) < dr.indexOf(r[n])) && (r = i);
		return r;
	}
	at(e) {
		return this.seats[e];
	}
	get live() {
		return this.seats.some((e) => e?.audio === "live" || e?.video === "live");
	}
	members() {
		return new Set(this.seats.flatMap((e) => e?.member ?? []));
	}
	clear() {
		this.seats = [];
	}
}, pr = 2e3, mr = [
	0,
	300,
	1e3,
	2e3,
	4e3
], hr = 1e3, gr = class {
	options;
	mode = "sfu";
	pc = null;
	generation = 0;
	local = /* @__PURE__ */ new Map();
	sending = /* @__PURE__ */ new Map();
	pictures = /* @__PURE__ */ new Map();
	seats = [];
	negotiated = 0;
	answered = !1;
	wishes = /* @__PURE__ */ new Map();
	view = [];
	told = "";
	shared = !1;
	seating = new fr();
	streams;
	busy = !1;
	dirty = !1;
	closed = !1;
	failures = 0;
	early = [];
	timer;
	silent = !1;
	restarting = !1;
	advice = "";
	publishing = "";
	constructor(e) {
		this.options = e;
		let { MediaStream: t } = e.env;
		this.streams = {
			camera: new t(),
			screen: new t()
		};
	}
	start() {
		this.build();
	}
	set(e, t) {
		if ((this.local.get(e) ?? null) === t) return;
		let n = this.local.has(e);
		t ? this.local.set(e, t) : this.local.delete(e);
		let r = this.sending.get(e);
		r && r.sender.replaceTrack(t).then(() => this.pictures.get(e)?.apply(), () => {}), this.pc && n !== this.local.has(e) && this.negotiate();
	}
	update() {
		this.show(), this.advise();
	}
	seated(e) {
		for (let t of this.seating.apply(e)) this.options.changed(t);
	}
	layers(e) {
		for (let t of e) this.pictures.get(t.source)?.want(t);
	}
	media(e, t) {
		e === this.generation && t !== "connected" && this.rebuild();
	}
	rebuild() {
		if (this.closed) return;
		this.drop();
		let e = mr[Math.min(this.failures++, mr.length - 1)] ?? 0;
		this.later(e, () => void this.build());
	}
	arrival(e, t) {
		let n = T(t), r = this.seating.find(e, w(t), n);
		if (!r || r.seat >= this.negotiated || vr(r[n])) return;
		let i = this.seats[r.seat], a = (n === "audio" ? i?.a : i?.v)?.receiver;
		return a && {
			track: a.track,
			receiver: a
		};
	}
	expects(e, t) {
		let n = this.options.roster.get(e);
		if (!n || !X(n, t)) return !1;
		let r = this.wishes.get(`${w(t)} ${e}`);
		if (!r || r.paused && T(t) === "video") return !1;
		let i = this.seating.find(e, w(t), T(t));
		return !i && this.shared && Q(r) ? !1 : i?.[T(t)] !== "undecodable";
	}
	status(e, t) {
		let { audio: n, video: r } = E(t), i = this.options.roster.get(e), a = this.seating.find(e, t, "audio"), o = this.seating.find(e, t, "video"), s = this.pc?.connectionState === "connected", c = this.wishes.get(`${t} ${e}`), l = c && !(this.shared && Q(c)), u = (e, t) => {
			if (t === "live" && !s) return "waiting";
			if (t !== void 0 && t !== "none") return t;
			let n = !!i && X(i, e);
			return i?.tracks.some((t) => t.source === e) ? n ? l && !(T(e) === "video" && c.paused) ? "waiting" : "paused" : "muted" : n && e !== "screen-audio" ? "waiting" : "none";
		}, d = {
			audio: u(n, a?.audio),
			video: u(r, o?.video)
		};
		return o?.codec && (d.codec = o.codec), o?.rtp !== void 0 && (d.rtp = o.rtp), o?.layer && (d.layer = o.layer), o?.why && (d.why = o.why), d;
	}
	inspect() {
		if (!this.pc) return [];
		let e = {
			peer: null,
			pc: this.pc,
			incoming: /* @__PURE__ */ new Map(),
			outgoing: /* @__PURE__ */ new Map()
		};
		this.seats.forEach((t, n) => {
			let r = this.seating.at(n);
			if (!r?.member) return;
			let { audio: i, video: a } = E(r.source);
			t.a.mid !== null && e.incoming.set(t.a.mid, {
				member: r.member,
				source: i
			}), t.v && t.v.mid !== null && e.incoming.set(t.v.mid, {
				member: r.member,
				source: a
			});
		});
		for (let [t, n] of this.sending) n.mid !== null && this.local.has(t) && e.outgoing.set(n.mid, t);
		return [e];
	}
	nudge() {
		let e = this.pc, t = this.dirty && !this.busy;
		t && this.negotiate(), !e || !this.answered || t && this.restarting || (e.connectionState !== "connected" || this.silent ? this.restart() : ze(e).then((t) => {
			!t && this.pc === e && this.restart();
		}));
	}
	beat(e, t) {
		this.pc !== e || this.closed || (this.silent = t !== "back", t === "back" ? N(e) : t === "lost" && !this.restarting && this.seating.live && this.restart());
	}
	reconfigure() {
		this.rebuild();
	}
	close() {
		this.closed = !0, this.drop();
	}
	drop() {
		clearTimeout(this.timer);
		let e = this.pc;
		this.pc = null, this.seats = [], this.sending = /* @__PURE__ */ new Map(), this.pictures = /* @__PURE__ */ new Map(), this.negotiated = 0, this.answered = this.silent = this.restarting = !1, this.told = "";
		let t = this.seating.members();
		if (this.seating.clear(), e && (e.onicecandidate = e.onconnectionstatechange = null, e.close()), !this.closed) for (let e of t) this.options.changed(e);
	}
	async build() {
		let e = await this.options.config();
		if (this.closed || this.pc) return;
		let t = new this.options.env.RTCPeerConnection(e);
		this.pc = t, this.generation = this.options.generation(), this.early = [], this.busy = this.dirty = !1, t.onicecandidate = (e) => this.pc === t && this.candidate(e.candidate?.toJSON() ?? null), t.onconnectionstatechange = () => this.pc === t && this.changed(t), this.show(), this.negotiate();
	}
	candidate(e) {
		this.early ? this.early.push(e) : this.options.post({
			t: "candidate",
			pc: this.generation,
			candidate: e
		});
	}
	changed(e) {
		switch (clearTimeout(this.timer), e.connectionState) {
			case "connected":
				this.failures = 0, this.silent = !1;
				break;
			case "disconnected":
				this.later(pr, () => this.restart());
				break;
			case "failed":
				this.rebuild();
				return;
		}
		for (let e of this.seating.members()) this.options.changed(e);
	}
	restart() {
		let e = this.pc;
		e && !this.closed && this.options.config().then((t) => {
			if (this.pc === e) {
				try {
					e.setConfiguration(t);
				} catch {}
				e.restartIce(), this.restarting = !0, this.negotiate();
			}
		});
	}
	show() {
		let e = this.options.wishes();
		if (this.wishes = new Map(e.map((e) => [`${e.source} ${e.member}`, e])), !this.pc) return;
		let { pair: t, other: n, loud: r } = ar(e, (e) => this.foreign(e));
		this.shared = r > 0;
		let i = this.seats.length, a = this.options.seats;
		this.grow("loud", r, a), this.grow("other", n.length, a), this.grow("pair", sr(t.length, a), a), this.seats.length > i && this.negotiate();
		let o = [...this.place("pair", t), ...this.place("other", n)];
		for (let e of this.of("loud").slice(0, r)) o.push({
			seat: e,
			member: "loud",
			..._r
		});
		o.sort((e, t) => e.seat - t.seat), ur(o, this.view) || (this.view = o), this.tell();
	}
	foreign(e) {
		let t = this.options.roster.get(e)?.tracks.find((e) => e.source === "mic")?.codec;
		return !!t && Me(this.options.codecs().audio).includes(t);
	}
	of(e) {
		return this.seats.flatMap((t, n) => t.shape === e ? [n] : []);
	}
	place(e, t) {
		let n = this.of(e), r = cr(t, this.view.flatMap((e) => n.includes(e.seat) ? [{
			...e,
			seat: n.indexOf(e.seat)
		}] : []), n.length).map((e) => ({
			...e,
			seat: n[e.seat] ?? 0
		}));
		return e === "pair" ? r : r.map((e) => ({
			...e,
			..._r
		}));
	}
	tell() {
		let e = this.view.filter((e) => e.seat < this.negotiated), t = JSON.stringify(e);
		this.negotiated !== 0 && t !== this.told && (this.told = t, this.options.post({
			t: "view",
			seats: e
		}));
	}
	grow(e, t, n) {
		let r = this.pc;
		if (!r) return;
		let { audio: i, video: a } = this.options.codecs();
		for (let o = this.of(e).length; o < t && this.seats.length < n; o++) {
			let t = r.addTransceiver("audio", { direction: "recvonly" });
			S(this.options.env, t, e === "other" ? Me(i) : je(C(i)));
			let n = e === "pair" ? r.addTransceiver("video", { direction: "recvonly" }) : null;
			n && (S(this.options.env, n, a), Ae(n)), this.seats.push({
				shape: e,
				a: t,
				v: n
			});
		}
	}
	advise() {
		let { publish: e, video: t } = this.options.codecs(), n = `${e} ${t.join()}`;
		if (n === this.advice) return;
		this.advice = n;
		let r = Ne(this.options.env, t, e);
		if (r.join() !== this.publishing) {
			this.publishing = r.join();
			for (let [e, t] of this.sending) T(e) === "video" && S(this.options.env, t, r);
			this.answered && this.negotiate();
		}
	}
	openSections(e) {
		if (!this.options.roster.speaks) return;
		let t = this.options.codecs();
		for (let [n, r] of this.local) {
			if (this.sending.has(n)) continue;
			let i = T(n), a = n === "camera" || n === "screen" ? { sendEncodings: Xn(n, r) } : {}, o = [this.streams[w(n)]], s = e.addTransceiver(r, {
				direction: "sendonly",
				streams: o,
				...a
			});
			this.sending.set(n, s), (n === "camera" || n === "screen") && this.pictures.set(n, new rr(n, s));
			let c = Ne(this.options.env, t.video, t.publish);
			i === "video" && (this.publishing = c.join()), S(this.options.env, s, i === "audio" ? je(C(t.audio)) : c);
		}
	}
	negotiate() {
		this.dirty = !0, !this.busy && this.pc && this.run(this.pc);
	}
	async run(e) {
		this.busy = !0;
		try {
			for (; this.dirty && this.pc === e;) this.dirty = !1, await this.exchange(e);
			this.pc === e && (this.busy = !1);
		} catch (n) {
			if (this.pc !== e) return;
			this.busy = !1, this.failed(n instanceof t ? n : new t("sdp", String(n), { cause: n }));
		}
	}
	async exchange(e) {
		if (this.openSections(e), e.getTransceivers().length === 0) return;
		this.early ??= [], await e.setLocalDescription(await e.createOffer());
		let t = e.localDescription?.sdp;
		if (this.pc !== e || !t) return;
		let n = this.seats.filter((e) => e.a.mid !== null && e.v?.mid !== null).length, { sdp: r } = await this.options.request({
			t: "offer",
			pc: this.generation,
			sdp: at(t),
			tracks: [...this.sending].flatMap(([e, t]) => t.mid !== null && this.local.has(e) && this.options.roster.speaks ? [{
				mid: t.mid,
				source: e
			}] : []),
			seats: this.seats.slice(0, n).map((e) => ({
				a: e.a.mid ?? "",
				v: e.v?.mid ?? ""
			}))
		});
		if (this.pc !== e || r === void 0) return;
		let i = /* @__PURE__ */ new Set([this.sending.get("mic")?.mid ?? ""]);
		if (await e.setRemoteDescription({
			type: "answer",
			sdp: ot(r, i)
		}), this.pc === e) {
			this.negotiated = n, this.answered = !0, this.restarting = !1;
			for (let e of this.pictures.values()) e.apply(this.publishing.split(",")[0]);
			for (let e of this.early ?? []) this.options.post({
				t: "candidate",
				pc: this.generation,
				candidate: e
			});
			this.early = null, this.tell();
			for (let e of this.seating.members()) this.options.changed(e);
		}
	}
	failed(e) {
		switch (e.code) {
			case "network":
				this.dirty = !0;
				return;
			case "left":
			case "aborted": return;
			case "sdp":
				this.options.error(e), this.rebuild();
				return;
			default: this.failures === 0 && this.options.error(e), this.dirty = !0, this.later(hr * 2 ** Math.min(this.failures++, 4), () => this.negotiate());
		}
	}
	later(e, t) {
		clearTimeout(this.timer), this.timer = setTimeout(() => {
			this.closed || t();
		}, e);
	}
}, _r = {
	source: "camera",
	width: 0,
	height: 0,
	paused: !1
}, vr = (e) => e === "none" || e === "undecodable", yr = {
	width: 640,
	height: 360
}, br = {
	width: 0,
	height: 0,
	paused: !0
}, xr = (e, ...t) => e.tracks.some((e) => t.includes(e.source)), Sr = (e) => e.role !== "viewer" || e.tracks.length > 0;
function Cr(e, t, n) {
	let r = [...e ?? []], i = (e, t) => r.some((n) => n.member === e && n.source === t);
	if (r.some((e) => e.member === "first")) return r.slice(0, n);
	for (let n of t) Sr(n) && !i(n.id, "camera") && r.push({
		member: n.id,
		source: "camera",
		...e ? br : yr
	}), i(n.id, "screen") || (!e && (n.state.screen || xr(n, "screen")) ? r.push({
		member: n.id,
		source: "screen",
		...yr
	}) : e && xr(n, "screen-audio") && r.push({
		member: n.id,
		source: "screen",
		...yr,
		paused: !0
	}));
	return e ? r : r.slice(0, n);
}
function wr(e) {
	let t = /* @__PURE__ */ new Map();
	for (let { member: n, source: r, paused: i } of e ?? []) i && t.set(n, (t.get(n) ?? /* @__PURE__ */ new Set()).add(r));
	return t;
}
// ../sdk/js/src/session.ts
var Tr = 500, Er = /* @__PURE__ */ new Set([
	"not-allowed",
	"no-member",
	"no-call",
	"bad-message",
	"left",
	"aborted"
]), Dr = class {
	env;
	connection;
	saved;
	events = new xe();
	roster;
	calls;
	files;
	media;
	ice;
	history = [];
	publishCodec = { video: void 0 };
	connectionState = "connected";
	may;
	room;
	shown = null;
	link;
	speaker;
	limits;
	monitor;
	over = !1;
	constructor(e, t, n, r, i) {
		this.env = e, this.connection = t, this.saved = n, this.room = r.room, this.limits = r.limits, this.may = new Set(r.may);
		let a = this.events.emit.bind(this.events);
		this.roster = new Kn(r.you, {
			joined: (e) => a("joined", e),
			left: (e, t) => {
				this.files.left(e.id), a("left", {
					participant: e,
					reason: t
				});
			},
			updated: (e) => a("updated", e)
		}), this.ice = new On(() => t.request({ t: "ice" })), this.ice.relayOnly = i;
		let o = {
			env: e,
			config: () => this.ice.config(),
			codecs: this.codecs()
		}, s = (e, n, r) => t.post({
			t: "signal",
			to: e,
			link: n,
			data: r
		});
		this.files = new Tn({
			link: o,
			me: () => this.roster.me,
			signal: s,
			offered: (e) => a("file", e),
			progress: (e) => a("fileProgress", e)
		});
		let c = this.roster;
		this.calls = new Sn({
			room: {
				link: o,
				get me() {
					return {
						id: c.me,
						name: c.own.member.name
					};
				},
				connected: () => t.connected,
				stopped: () => t.suspect(),
				post: (e) => t.post(e),
				signal: s
			},
			request: (e) => t.request(e),
			nameOf: (e) => c.nameOf(e),
			incoming: (e) => a("call", e)
		}), this.media = new Hn({
			env: e,
			open: (e) => this.open(e),
			records: () => c.records,
			ready: (e) => t.post({
				t: "ready",
				epoch: e
			}),
			stream: (e, t) => {
				let n = c.participants.get(e);
				n && a("stream", {
					participant: n,
					source: t,
					stream: n.stream(t),
					...n.status(t)
				});
			}
		}), this.monitor = new yt({
			me: () => c.me,
			inspect: () => this.media.inspect(),
			speaking: (e) => a("speaking", e),
			picture: (e) => c.records.get(e)?.halves.camera.status,
			speaker: () => this.room.topology === "sfu" ? this.speaker : void 0,
			quality: (e, t) => {
				let n = e === c.me ? c.own : c.records.get(e), r = e === c.me ? c.self : c.participants.get(e);
				n && r && n.quality !== t && (n.quality = t, a("quality", {
					participant: r,
					quality: t
				}));
			},
			beat: (e, n) => {
				n === "stopped" && t.suspect(), this.media.beat(e, n);
			}
		}), this.begin(r);
	}
	codecs() {
		let e = this;
		return {
			get audio() {
				return e.room.audio;
			},
			get video() {
				return e.room.video;
			}
		};
	}
	begin(e) {
		this.publishCodec.video = e.room.publish.video, this.ice.set(e.iceServers);
		for (let t of e.members) this.roster.add(t);
		for (let t of e.chat) this.remember(t);
		this.calls.restored(e.calls, !0), this.room.kind !== "lobby" && (this.media.switchTo(e.room.topology, e.room.epoch), this.monitor.start());
	}
	welcome(e) {
		this.ice.set(e.iceServers), e.resumed !== "replayed" && this.restored(e), this.media.nudge(), this.calls.nudge();
	}
	restored(e) {
		let t = e.you.id === this.roster.me;
		this.limits = e.limits, this.may = new Set(e.may);
		let n = this.media.path("sfu");
		this.room = e.room, this.roster.reset(e.you, e.members, t && e.resumed === "restored");
		for (let t of e.chat) this.remember(t);
		this.calls.restored(e.calls, !1), this.advise(e.room.publish.video), this.room.kind !== "lobby" && (t ? n?.rebuild() : this.media.reset(), this.media.switchTo(e.room.topology, e.room.epoch), this.media.update()), this.events.emit("room", this.facade);
	}
	facade;
	event(e) {
		if (!this.over) switch (e.t) {
			case "joined":
				this.roster.add(e.member), this.media.update(e.member.id);
				break;
			case "left":
				this.roster.remove(e.member, e.reason), this.media.update(e.member);
				break;
			case "updated":
				this.updated(e.member);
				break;
			case "room":
				this.room = {
					...this.room,
					...Or(e)
				}, this.advise(e.publish.video), this.media.update(), this.events.emit("room", this.facade);
				break;
			case "topology":
				this.room = {
					...this.room,
					topology: e.mode,
					epoch: e.epoch
				}, e.mode === "p2p" && (this.link = this.speaker = void 0), this.media.switchTo(e.mode, e.epoch), this.events.emit("topology", { mode: e.mode });
				break;
			case "settled":
				this.media.settled(e.epoch);
				break;
			case "seats":
				this.media.path("sfu")?.seated(e.seats);
				break;
			case "speaker":
				this.speaker = e.member ?? null, this.monitor.tell();
				break;
			case "link": {
				let { estimate: t, lost: n, rtt: r, limited: i } = e;
				this.link = {
					estimate: t,
					lost: n,
					rtt: r,
					limited: i
				};
				break;
			}
			case "layers":
				this.media.path("sfu")?.layers(e.tracks);
				break;
			case "media":
				this.media.path("sfu")?.media(e.pc, e.state);
				break;
			case "signal":
				this.signal(e);
				break;
			case "call":
				this.calls.event(e.call);
				break;
			case "chat":
				this.remember(e.chat);
				break;
			case "muted": this.muted(e.source, e.by);
		}
	}
	async publish(e, n) {
		if (n && !this.roster.speaks) throw new t("not-allowed", "a viewer does not publish");
		if (n && this.room.kind === "lobby") throw new t("not-allowed", "a lobby has no media of its own");
		let r = this.roster.own.halves[w(e)], i = this.media.published.get(e);
		if (i === (n ?? void 0) || (r.stream ??= new this.env.MediaStream(), i && r.stream.removeTrack(i), n && r.stream.addTrack(n), this.media.publish(e, n), e === "screen-audio" || i && n)) return;
		let a = n?.enabled === !0;
		this.roster.own.member.state[e] !== a && this.setState({ [e]: a });
	}
	setState(e) {
		let t = this.roster.own.member, n = {
			...t.state,
			...e
		};
		this.roster.update({
			...t,
			state: n
		}), this.connection.post({
			t: "state",
			...e
		});
	}
	show(e) {
		this.shown = e, this.media.update();
	}
	remember(e) {
		this.history.some((t) => t.id === e.id) || (this.history.push(e), this.history.length > Tr && this.history.shift(), this.events.emit("chat", e), this.files.announced(e));
	}
	state(e) {
		this.connectionState !== e && (this.connectionState = e, this.events.emit("connection", { state: e }));
	}
	refused(e, t) {
		Er.has(t.code) ? e.t === "state" && this.events.emit("error", t) : this.events.emit("error", t);
	}
	nudge() {
		this.connection.nudge(), this.media.nudge(), this.calls.nudge();
	}
	close(e) {
		this.over || (this.over = !0, e.code !== "network" && this.saved.clear(), this.monitor.close(), this.calls.close(), this.files.close(), this.media.close(), this.roster.close(), this.state("closed"), this.events.emit("closed", {
			code: e.code,
			message: e.message
		}), this.events.close());
	}
	open(e) {
		let { env: t, connection: n, roster: r } = this, i = (e) => this.media.refresh(e), a = () => this.ice.config();
		if (e === "p2p") return new Wn({
			link: {
				env: t,
				config: a,
				codecs: this.codecs()
			},
			roster: r,
			epoch: () => this.room.epoch,
			signal: (e, t, r) => n.post({
				t: "signal",
				to: e,
				link: t,
				data: r
			}),
			changed: i,
			held: () => wr(this.shown)
		});
		let o = new gr({
			env: t,
			roster: r,
			config: a,
			generation: () => this.saved.nextGeneration(),
			request: (e) => n.request(e),
			post: (e) => n.post(e),
			codecs: () => ({
				audio: this.room.audio,
				video: this.room.video,
				publish: this.room.publish.video
			}),
			seats: this.limits.seats,
			wishes: () => Cr(this.shown, this.roster.others(), this.limits.seats),
			changed: i,
			error: (e) => this.events.emit("error", e)
		});
		return o.start(), o;
	}
	updated(e) {
		let t = e.id === this.roster.me, n = t && e.role !== this.roster.own.member.role;
		if (n && (this.may = Nn(e.role, this.room.kind)), this.roster.update(e), n) {
			if (e.role === "viewer") for (let e of [...this.media.published.keys()]) this.publish(e, null);
			this.events.emit("room", this.facade);
		}
		this.media.update(t ? void 0 : e.id);
	}
	advise(e) {
		this.publishCodec.video !== e && (this.publishCodec.video = e, this.events.emit("publishCodec", { video: e }));
	}
	signal(e) {
		let [t, n] = [e.link.slice(0, 2), e.link.slice(2)];
		t === "c:" ? this.calls.signal(e.from, n, e.data) : t === "f:" ? this.files.signal(e.from, n, e.data) : t === "m:" && this.media.path("p2p")?.receive(e.from, Number(n), e.data);
	}
	muted(e, t) {
		let n = this.media.published.get(e);
		n && (n.enabled = !1);
		let r = this.roster.own.member, i = e === "screen-audio" ? {} : { [e]: !1 };
		this.roster.update({
			...r,
			state: {
				...r.state,
				...i
			}
		}), this.events.emit("muted", {
			source: e,
			by: t
		});
	}
};
function Or(e) {
	return {
		locked: e.locked,
		video: e.video,
		audio: e.audio,
		publish: e.publish
	};
}
function kr(e, t, n, r) {
	let { room: i, kind: a, token: o, role: s, topology: c, audio: l, video: u } = e;
	return {
		room: i,
		name: n,
		decode: Te(t),
		encode: Ee(t),
		state: r,
		...a ? { kind: a } : {},
		...o ? { token: o } : {},
		...s ? { role: s } : {},
		...c ? { topology: c } : {},
		...l?.length ? { audio: l } : {},
		...u?.length ? { video: u } : {}
	};
}
// ../sdk/js/src/room.ts
var Ar = class e {
	session;
	looker = new R();
	moderate;
	constructor(e) {
		this.session = e, e.facade = this;
		let t = async (t) => {
			await e.connection.request(t);
		};
		this.moderate = {
			mute: (e, n) => t({
				t: "mute",
				member: e,
				source: n
			}),
			remove: (e) => t({
				t: "remove",
				member: e
			}),
			lock: (e) => t({
				t: "lock",
				locked: e
			}),
			role: (e, n) => t({
				t: "role",
				member: e,
				role: n
			}),
			end: () => t({ t: "end" })
		};
	}
	static async join(n, r) {
		let i = Mr(n.rtc), a = bn(n.url), o = new yn(n.storage, `veche ${a} ${n.room}`), s = {
			mic: !1,
			camera: !1,
			screen: !1,
			hand: !1,
			...n.state
		}, c, l, u = new _n({
			WebSocket: i.WebSocket,
			url: a,
			resume: o.resume,
			hello: () => kr(n, i, n.name, c?.roster.own.member.state ?? s),
			welcome: (t) => {
				o.keep(t.resume), c ? c.welcome(t) : (c = new Dr(i, u, o, t, n.relayOnly === !0), l = new e(c));
			},
			renewed: (e) => o.keep(e),
			event: (e) => c?.event(e),
			state: (e) => c?.state(e),
			closed: (e) => c?.close(e),
			refused: (e, t) => c?.refused(e, t)
		});
		try {
			await u.start(r);
		} catch (e) {
			throw e instanceof t && ![
				"network",
				"aborted",
				"overloaded"
			].includes(e.code) && o.clear(), e;
		}
		if (!l) throw new t("internal");
		return l;
	}
	get id() {
		return this.session.room.id;
	}
	get kind() {
		return this.session.room.kind;
	}
	get me() {
		return this.session.roster.self;
	}
	get participants() {
		return this.session.roster.participants;
	}
	get connection() {
		return this.session.connectionState;
	}
	get topology() {
		return this.session.room.topology;
	}
	get forced() {
		return this.session.room.forced;
	}
	get locked() {
		return this.session.room.locked;
	}
	get may() {
		return this.session.may;
	}
	get calls() {
		return this.session.calls.all;
	}
	get history() {
		return this.session.history;
	}
	get publishCodec() {
		return { ...this.session.publishCodec };
	}
	get relayOnly() {
		return this.session.ice.relayOnly;
	}
	set relayOnly(e) {
		this.session.ice.relayOnly !== e && (this.session.ice.relayOnly = e, this.session.media.reconfigure(), this.session.calls.reconfigure());
	}
	on(e, t) {
		return this.session.events.on(e, t);
	}
	publish(e, t) {
		return this.session.publish(e, t);
	}
	unpublish(e) {
		return this.session.publish(e, null);
	}
	async setState(e) {
		this.session.setState(e);
	}
	show(e) {
		this.session.show(e);
	}
	async chat(e, t = {}) {
		return this.say({
			t: "chat",
			text: e,
			...t.to ? { to: t.to } : {}
		});
	}
	async sendFile(e, n = {}) {
		let r = {
			name: jr(e.name || "file", 255),
			size: e.size,
			mime: jr(e.type, 127)
		}, { files: i } = this.session, a = await this.say({
			t: "chat",
			text: "",
			file: r,
			...n.to ? { to: n.to } : {}
		}, e), o = i.announced(a);
		if (!o) throw new t("internal", "no file in the reply");
		return o;
	}
	receiveFile(e, t = {}) {
		return this.session.files.receive(e, t);
	}
	ring(e, t) {
		return this.session.calls.ring(e, t.video);
	}
	async stats() {
		let { media: e, roster: t } = this.session, n = e.inspect(), { tracks: r, paths: i } = await this.looker.look(n), a = e.current, o = (e, t, n) => {
			let a = i.get(e);
			return {
				id: e,
				quality: n,
				...a ? { path: a } : {},
				tracks: r.get(t) ?? []
			};
		}, s = i.get(null);
		return {
			path: a && n.some((e) => e.pc.connectionState === "connected") ? a.mode : "none",
			...s ? { server: s } : {},
			...s && this.session.link ? { link: this.session.link } : {},
			local: o(t.me, null, t.own.quality),
			remote: [...t.participants.values()].map((e) => o(e.id, e.id, e.quality))
		};
	}
	nudge() {
		this.session.nudge();
	}
	async leave() {
		let e = this.session.connection.leave();
		this.session.close(new t("left")), await e;
	}
	async say(e, n) {
		let { chat: r } = await this.session.connection.request(e);
		if (!r) throw new t("internal", "no message in the reply");
		return n && r.file && this.session.files.keep(r.file.id, n), this.session.remember(r), r;
	}
};
function jr(e, t) {
	let n = new TextEncoder(), r = "";
	for (let i of e) {
		if (n.encode(r + i).length > t) break;
		r += i;
	}
	return r;
}
function Mr(e = {}) {
	let n = globalThis, r = {};
	for (let i of [
		"RTCPeerConnection",
		"WebSocket",
		"MediaStream",
		"RTCRtpReceiver",
		"RTCRtpSender"
	]) {
		let a = e[i] ?? n[i];
		if (a !== void 0) r[i] = a;
		else if (i === "RTCPeerConnection" || i === "WebSocket" || i === "MediaStream") throw new t("unsupported", `there is no ${i}`);
	}
	return r;
}
export { Tt as Call, Le as Participant, Ar as Room, t as VecheError, n as errorCode, e as errorReasons };
