// Package msgpack is as much of MessagePack as the messages between a SaltyRTC server and its clients need: one map
// with names as keys, small and flat.
package msgpack

import (
	"encoding/binary"
	"errors"
	"math"
	"unicode/utf8"
)

// Map is a decoded map. Values are string, []byte, int64, uint64 (only what int64 cannot hold), float64, bool, nil,
// []any, Map and Extension.
type Map map[string]any

// Extension is a value of a type that the application knows.
type Extension struct {
	Type int8
	Data []byte
}

// Bounds of what Decode takes.
const (
	maxDepth  = 4
	maxValues = 1024
)

// Errors of Decode.
var (
	ErrShort   = errors.New("msgpack: ends too early")
	ErrTrail   = errors.New("msgpack: something follows")
	ErrMap     = errors.New("msgpack: not a map")
	ErrKey     = errors.New("msgpack: a key is no text, or is there twice")
	ErrText    = errors.New("msgpack: a text is not UTF-8")
	ErrUnknown = errors.New("msgpack: 0xc1 is never used")
	ErrBig     = errors.New("msgpack: too deep or too many values")
)

// Decode takes a message that is one map, with nothing after it. What it returns shares no memory with data.
func Decode(data []byte) (Map, error) {
	d := decoder{rest: data}
	v, err := d.value(0)
	switch m, ok := v.(Map); {
	case err != nil:
		return nil, err
	case !ok:
		return nil, ErrMap
	case len(d.rest) > 0:
		return nil, ErrTrail
	default:
		return m, nil
	}
}

type decoder struct {
	rest   []byte
	values int
}

// take cuts n bytes off.
func (d *decoder) take(n int) ([]byte, error) {
	if n < 0 || n > len(d.rest) {
		return nil, ErrShort
	}
	out := d.rest[:n]
	d.rest = d.rest[n:]
	return out, nil
}

// number is an unsigned one of n bytes, big end first.
func (d *decoder) number(n int) (uint64, error) {
	raw, err := d.take(n)
	var out uint64
	for _, b := range raw {
		out = out<<8 | uint64(b)
	}
	return out, err
}

func (d *decoder) value(depth int) (any, error) {
	if d.values++; d.values > maxValues || depth > maxDepth {
		return nil, ErrBig
	}
	raw, err := d.take(1)
	if err != nil {
		return nil, err
	}
	switch b := raw[0]; {
	case b < 0x80:
		return int64(b), nil
	case b < 0x90:
		return d.fields(int(b&0x0f), depth)
	case b < 0xa0:
		return d.list(int(b&0x0f), depth)
	case b < 0xc0:
		return d.text(int(b & 0x1f))
	case b >= 0xe0:
		return int64(int8(b)), nil
	default:
		return d.marked(b, depth)
	}
}

// marked is a value whose kind has a byte of its own.
func (d *decoder) marked(b byte, depth int) (any, error) {
	switch b {
	case 0xc0:
		return nil, nil //nolint:nilnil // it is the value
	case 0xc2, 0xc3:
		return b == 0xc3, nil
	case 0xca, 0xcb:
		return d.float(b)
	case 0xcc, 0xcd, 0xce, 0xcf:
		n, err := d.number(1 << (b - 0xcc))
		if n > math.MaxInt64 {
			return n, err
		}
		return int64(n), err
	case 0xd0, 0xd1, 0xd2, 0xd3:
		size := 1 << (b - 0xd0)
		n, err := d.number(size)
		shift := 64 - 8*size
		return int64(n<<shift) >> shift, err
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return d.extension(1 << (b - 0xd4))
	}
	if b == 0xc1 {
		return nil, ErrUnknown
	}
	return d.sized(b, depth)
}

// sized is a value whose length follows its kind.
func (d *decoder) sized(b byte, depth int) (any, error) {
	sizes := map[byte]int{
		0xc4: 1, 0xc5: 2, 0xc6: 4, 0xc7: 1, 0xc8: 2, 0xc9: 4, 0xd9: 1, 0xda: 2, 0xdb: 4, 0xdc: 2, 0xdd: 4, 0xde: 2, 0xdf: 4,
	}
	long, err := d.number(sizes[b])
	if err != nil {
		return nil, err
	}
	if long > uint64(len(d.rest)) { // each thing takes a byte at least
		return nil, ErrShort
	}
	n := int(long)
	switch b {
	case 0xc4, 0xc5, 0xc6:
		raw, err := d.take(n)
		return append([]byte{}, raw...), err
	case 0xc7, 0xc8, 0xc9:
		return d.extension(n)
	case 0xd9, 0xda, 0xdb:
		return d.text(n)
	case 0xdc, 0xdd:
		return d.list(n, depth)
	default:
		return d.fields(n, depth)
	}
}

func (d *decoder) float(b byte) (any, error) {
	if b == 0xca {
		n, err := d.number(4)
		return float64(math.Float32frombits(uint32(n))), err
	}
	n, err := d.number(8)
	return math.Float64frombits(n), err
}

func (d *decoder) text(n int) (any, error) {
	raw, err := d.take(n)
	if err == nil && !utf8.Valid(raw) {
		err = ErrText
	}
	return string(raw), err
}

func (d *decoder) extension(n int) (any, error) {
	typ, err := d.number(1)
	if err != nil {
		return nil, err
	}
	raw, err := d.take(n)
	return Extension{int8(typ), append([]byte{}, raw...)}, err
}

func (d *decoder) list(n, depth int) (any, error) {
	out := []any{}
	for range n {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (d *decoder) fields(n, depth int) (any, error) {
	out := Map{}
	for range n {
		k, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		name, ok := k.(string)
		if _, twice := out[name]; !ok || twice {
			return nil, ErrKey
		}
		if out[name], err = d.value(depth + 1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// AppendMap begins a map of n (at most 15) pairs: n times a name by AppendString, and its value.
func AppendMap(b []byte, n int) []byte { return append(b, 0x80|byte(n)) }

// AppendArray begins an array of n (at most 65,535) values.
func AppendArray(b []byte, n int) []byte {
	if n < 16 {
		return append(b, 0x90|byte(n))
	}
	return binary.BigEndian.AppendUint16(append(b, 0xdc), uint16(n))
}

// AppendString adds a text of at most 255 bytes.
func AppendString(b []byte, s string) []byte {
	if len(s) < 32 {
		return append(append(b, 0xa0|byte(len(s))), s...)
	}
	return append(append(b, 0xd9, byte(len(s))), s...)
}

// AppendBytes adds at most 255 bytes.
func AppendBytes(b, data []byte) []byte {
	return append(append(b, 0xc4, byte(len(data))), data...)
}

// AppendByte adds a small number.
func AppendByte(b []byte, n byte) []byte {
	if n < 0x80 {
		return append(b, n)
	}
	return append(b, 0xcc, n)
}

// AppendBool adds a truth.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 0xc3)
	}
	return append(b, 0xc2)
}
