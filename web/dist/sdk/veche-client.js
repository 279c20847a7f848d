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
export { t as VecheError, n as errorCode, e as errorReasons };
