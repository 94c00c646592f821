// Command logcheck verifies logs that this project wrote, with the Go project's own packages
// golang.org/x/mod/sumdb/note and tlog:
//
//	logcheck VKEY DIR...
//
// Each DIR is a log as C2SP tlog-tiles lays it out, perhaps with a file `proofs` in it (lines
// `record INDEX HASH...` and `tree OLD ROOT HASH...`) and receipts of events `*.tlog-proof`.
// It trusts note.Open, tlog.CheckRecord, tlog.CheckTree and the root it computes from the
// entries; tiles on disk are compared with the ones it computes. Prints one line per log.
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type head struct {
	size int64
	root tlog.Hash
}

// hashes is every stored hash of a log, computed from its entries.
type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for at, index := range indexes {
		if index >= int64(len(h)) {
			return nil, errors.New("hash beyond the log")
		}
		found[at] = h[index]
	}
	return found, nil
}

func openHead(msg []byte, known note.Verifiers) (head, error) {
	opened, err := note.Open(msg, known)
	if err != nil {
		return head{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return head{}, errors.New("a checkpoint has three lines")
	}
	if lines[0] != opened.Sigs[0].Name {
		return head{}, errors.New("signed by another log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != lines[1] {
		return head{}, errors.New("malformed size")
	}
	root, err := tlog.ParseHash(lines[2])
	return head{size, root}, err
}

// path spells a tile without its height, as C2SP does.
func path(dir string, tile tlog.Tile) string {
	return filepath.Join(dir, strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
}

func readEntries(dir string, size int64) ([][]byte, error) {
	var entries [][]byte
	for n := int64(0); n*256 < size; n++ {
		width := size - n*256
		if width > 256 {
			width = 256
		}
		name := path(dir, tlog.Tile{H: height, L: -1, N: n, W: int(width)})
		data, err := os.ReadFile(strings.Replace(name, "/data/", "/entries/", 1))
		if err != nil {
			return nil, err
		}
		for len(data) > 0 {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return nil, errors.New("bundle is cut")
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			entries = append(entries, data[2:end])
			data = data[end:]
		}
	}
	if int64(len(entries)) != size {
		return nil, fmt.Errorf("%d entries instead of %d", len(entries), size)
	}
	return entries, nil
}

func compute(entries [][]byte) (hashes, error) {
	var all hashes
	for n, entry := range entries {
		stored, err := tlog.StoredHashes(int64(n), entry, all)
		if err != nil {
			return nil, err
		}
		all = append(all, stored...)
	}
	return all, nil
}

func compareTiles(dir string, size int64, all hashes) error {
	for _, tile := range tlog.NewTiles(height, 0, size) {
		if tile.W < 1<<height && tile.N<<height+int64(tile.W) != size>>(height*tile.L) {
			continue // the package names partial tiles of smaller trees too
		}
		expected, err := tlog.ReadTileData(tile, all)
		if err != nil {
			return err
		}
		found, err := os.ReadFile(path(dir, tile))
		if err != nil {
			return err
		}
		if !bytes.Equal(found, expected) {
			return fmt.Errorf("%s is not what the entries lead to", tile.Path())
		}
	}
	return nil
}

func parseHashes(fields []string) ([]tlog.Hash, error) {
	var parsed []tlog.Hash
	for _, field := range fields {
		hash, err := tlog.ParseHash(field)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, hash)
	}
	return parsed, nil
}

func checkProofs(dir string, top head, entries [][]byte) (int, error) {
	data, err := os.ReadFile(filepath.Join(dir, "proofs"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if lines[0] == "" {
		return 0, nil
	}
	for _, line := range lines {
		fields := strings.Fields(line)
		number, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return 0, err
		}
		proof, err := parseHashes(fields[2:])
		if err != nil {
			return 0, err
		}
		if fields[0] == "record" {
			leaf := tlog.RecordHash(entries[number])
			err = tlog.CheckRecord(proof, top.size, top.root, number, leaf)
		} else {
			err = tlog.CheckTree(proof[1:], top.size, top.root, number, proof[0])
		}
		if err != nil {
			return 0, fmt.Errorf("%s %d: %w", fields[0], number, err)
		}
	}
	return len(lines), nil
}

// checkReceipt rebuilds the leaf of an event from its opening, and proves it to be in the log.
func checkReceipt(file string, known note.Verifiers) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	top, msg, _ := bytes.Cut(data, []byte("\n\n"))
	lines := strings.Split(string(top), "\n")
	if len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("not a receipt")
	}
	opening, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil || len(opening) < 49 || opening[0] != 1 {
		return errors.New("not the opening of an event")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return err
	}
	proof, err := parseHashes(lines[3:])
	if err != nil {
		return err
	}
	tree, err := openHead(msg, known)
	if err != nil {
		return err
	}
	commit := hmac.New(sha256.New, opening[17:49])
	commit.Write([]byte("consent-log/v1 commit"))
	commit.Write(opening[49:])
	leaf := commit.Sum(append([]byte{1}, opening[1:17]...))
	return tlog.CheckRecord(proof, tree.size, tree.root, index, tlog.RecordHash(leaf))
}

func checkLog(dir string, known note.Verifiers) (string, error) {
	msg, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return "", err
	}
	top, err := openHead(msg, known)
	if err != nil {
		return "", err
	}
	entries, err := readEntries(dir, top.size)
	if err != nil {
		return "", err
	}
	all, err := compute(entries)
	if err != nil {
		return "", err
	}
	root := tlog.Hash(sha256.Sum256(nil)) // of no entries; this package leaves it to its callers
	if top.size > 0 {
		if root, err = tlog.TreeHash(top.size, all); err != nil {
			return "", err
		}
	}
	if root != top.root {
		return "", errors.New("the entries lead to another root")
	}
	if err := compareTiles(dir, top.size, all); err != nil {
		return "", err
	}
	proofs, err := checkProofs(dir, top, entries)
	if err != nil {
		return "", err
	}
	receipts, err := filepath.Glob(filepath.Join(dir, "*.tlog-proof"))
	if err != nil {
		return "", err
	}
	for _, receipt := range receipts {
		if err := checkReceipt(receipt, known); err != nil {
			return "", fmt.Errorf("%s: %w", filepath.Base(receipt), err)
		}
	}
	return fmt.Sprintf("%d entries, %d proofs, %d receipts", top.size, proofs, len(receipts)), nil
}

func main() {
	verifier, err := note.NewVerifier(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	for _, dir := range os.Args[2:] {
		told, err := checkLog(dir, note.VerifierList(verifier))
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", dir, err)
			os.Exit(1)
		}
		fmt.Println(told)
	}
}
