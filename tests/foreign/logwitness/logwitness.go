// Command logwitness is a witness of C2SP tlog-witness that shares no code with ours: it rests on
// golang.org/x/mod/sumdb/note and tlog.
//
//	logwitness LOG-VKEY NAME SEED-HEX
//
// It reads requests from standard input and answers on standard output: a line with time and
// length (answers: status and length), then so many bytes. It remembers one log, in memory.
package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type witness struct {
	log  note.Verifier
	name string
	key  ed25519.PrivateKey
	size int64
	root tlog.Hash
}

func number(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == text
}

func (w *witness) add(body []byte, now int64) (int, string) {
	request, signed, found := bytes.Cut(body, []byte("\n\n"))
	lines := strings.Split(string(request), "\n")
	old, ok := number(strings.TrimPrefix(lines[0], "old "))
	if !found || !ok || !strings.HasPrefix(lines[0], "old ") || len(lines) > 64 {
		return 400, ""
	}
	var proof tlog.TreeProof
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return 400, ""
		}
		proof = append(proof, hash)
	}
	text, _, found := bytes.Cut(signed, []byte("\n\n"))
	head := strings.Split(string(text), "\n")
	if !found || len(head) != 3 {
		return 400, ""
	}
	size, ok := number(head[1])
	root, err := tlog.ParseHash(head[2])
	if !ok || err != nil {
		return 400, ""
	}
	if head[0] != w.log.Name() {
		return 404, ""
	}
	opened, err := note.Open(signed, note.VerifierList(w.log))
	if err != nil {
		return 403, ""
	}
	if old > size {
		return 400, ""
	}
	if old != w.size {
		return 409, strconv.FormatInt(w.size, 10) + "\n"
	}
	if size == 0 && root != sha256.Sum256(nil) || old == 0 && len(proof) > 0 {
		return 422, ""
	}
	if old > 0 && tlog.CheckTree(proof, size, root, old, w.root) != nil {
		return 422, ""
	}
	w.size, w.root = size, root
	return 200, w.cosign(opened.Text, now)
}

func (w *witness) cosign(text string, now int64) string {
	public := append([]byte{4}, w.key.Public().(ed25519.PublicKey)...)
	id := sha256.Sum256(append([]byte(w.name+"\n"), public...))
	line := append([]byte{}, id[:4]...)
	line = binary.BigEndian.AppendUint64(line, uint64(now))
	line = append(line, ed25519.Sign(w.key, []byte(fmt.Sprintf("cosignature/v1\ntime %d\n%s", now, text)))...)
	return fmt.Sprintf("\u2014 %s %s\n", w.name, base64.StdEncoding.EncodeToString(line))
}

func main() {
	log, err := note.NewVerifier(os.Args[1])
	if err != nil {
		panic(err)
	}
	seed, err := hex.DecodeString(os.Args[3])
	if err != nil {
		panic(err)
	}
	w := &witness{log: log, name: os.Args[2], key: ed25519.NewKeyFromSeed(seed)}
	in := bufio.NewReader(os.Stdin)
	for {
		var now, length int64
		if _, err := fmt.Fscanf(in, "%d %d\n", &now, &length); err != nil {
			return
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		status, answer := w.add(body, now)
		fmt.Printf("%d %d\n%s", status, len(answer), answer)
	}
}
