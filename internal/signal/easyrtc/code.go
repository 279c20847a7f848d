package easyrtc

import (
	"encoding/json"
	"time"
)

// code is an error code of the protocol.
type code string

// The codes. A LOGIN_ one ends the connection, as does SERVER_SHUTDOWN.
const (
	loginAppAuth   code = "LOGIN_APP_AUTH_FAIL"
	loginBadAuth   code = "LOGIN_BAD_AUTH"
	loginBadRoom   code = "LOGIN_BAD_ROOM"
	loginStructure code = "LOGIN_BAD_STRUCTURE"
	loginUserCfg   code = "LOGIN_BAD_USER_CFG"
	loginGeneral   code = "LOGIN_GEN_FAIL"
	loginNoSockets code = "LOGIN_NO_SOCKETS"
	loginTimeout   code = "LOGIN_TIMEOUT"
	badData        code = "MSG_REJECT_BAD_DATA"
	badRoom        code = "MSG_REJECT_BAD_ROOM"
	badField       code = "MSG_REJECT_BAD_FIELD"
	badSize        code = "MSG_REJECT_BAD_SIZE"
	badStructure   code = "MSG_REJECT_BAD_STRUCTURE"
	badType        code = "MSG_REJECT_BAD_TYPE"
	general        code = "MSG_REJECT_GEN_FAIL"
	noAuth         code = "MSG_REJECT_NO_AUTH"
	noRoomList     code = "MSG_REJECT_NO_ROOM_LIST"
	badPresence    code = "MSG_REJECT_PRESENCE"
	targetID       code = "MSG_REJECT_TARGET_EASYRTCID"
	targetGroup    code = "MSG_REJECT_TARGET_GROUP"
	targetRoom     code = "MSG_REJECT_TARGET_ROOM"
	serverShutdown code = "SERVER_SHUTDOWN"
)

// texts say what a code means, to who reads the client's log.
var texts = map[code]string{
	loginAppAuth:   "There is no such application.",
	loginBadAuth:   "The credential does not let you in.",
	loginBadRoom:   "There is no such room.",
	loginStructure: "The request to authenticate is not as it must be.",
	loginUserCfg:   "setUserCfg is not an object.",
	loginGeneral:   "The room is full.",
	loginNoSockets: "The server has as many clients as it takes.",
	loginTimeout:   "Nobody has authenticated in time.",
	badData:        "msgData is not as it must be.",
	badRoom:        "There is no such room, or it is full, or you are not in it.",
	badField:       "The field is not as it must be.",
	badSize:        "The message is too big.",
	badStructure:   "The message is not as it must be.",
	badType:        "There is no such msgType.",
	general:        "The message could not be handled.",
	noAuth:         "You are not authenticated for this.",
	noRoomList:     "There is no list of rooms.",
	badPresence:    "The presence could not be set.",
	targetID:       "There is nobody with this easyrtcid in your application.",
	targetGroup:    "There is no such group for you.",
	targetRoom:     "You or the target are not in this room.",
	serverShutdown: "The server stops.",
}

// errorMessage is the JSON of an error; why "" = the usual text.
func errorMessage(c code, why string) []byte {
	if why == "" {
		why = texts[c]
	}
	out, err := json.Marshal(message{Type: "error", Time: now(), Data: map[string]string{"errorCode": string(c), "errorText": why}})
	if err != nil {
		return []byte(`{"msgType":"error","msgData":{"errorCode":"MSG_REJECT_GEN_FAIL","errorText":""}}`)
	}
	return out
}

// message is one of the server's own.
type message struct {
	Easyrtcid string `json:"easyrtcid,omitempty"` // who it is for
	Type      string `json:"msgType"`
	Data      any    `json:"msgData,omitempty"`
	Time      int64  `json:"serverTime,omitempty"` // ms since 1970
}

func now() int64 { return time.Now().UnixMilli() }

// none is no error.
const none code = ""
