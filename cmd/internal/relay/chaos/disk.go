package chaos

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// disk is a small file system that can be full. It is in a namespace of its own, so that it needs no rights and is gone
// with the process that holds it.
type disk struct {
	holder *exec.Cmd
	in     io.Closer
	dir    string // seen from outside the namespace
	fills  int
}

const diskSize = 256 << 20

// newDisk mounts one. An error means that this machine allows no namespaces.
func newDisk(at string) (*disk, error) {
	d := &disk{holder: part("disk", at)}
	d.holder.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	d.holder.Stderr = os.Stderr
	in, err := d.holder.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := d.holder.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.holder.Start(); err != nil {
		return nil, err
	}
	d.in = in
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		d.close()
		return nil, errors.New("a file system cannot be mounted")
	}
	d.dir = fmt.Sprintf("/proc/%d/root%s", d.holder.Process.Pid, at)
	if err := os.Mkdir(filepath.Join(d.dir, "log"), 0o700); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// runDisk holds the file system until its input ends.
func runDisk(args []string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", args[0], "tmpfs", 0, fmt.Sprint("size=", diskSize)); err != nil {
		return err
	}
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill leaves no byte.
func (d *disk) fill() error {
	d.fills++
	file, err := os.Create(d.ballast())
	if err != nil {
		return err
	}
	defer file.Close()
	block := make([]byte, 1<<20)
	for {
		if _, err := file.Write(block); errors.Is(err, unix.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// free ends that.
func (d *disk) free() error {
	if err := os.Remove(d.ballast()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (d *disk) close() {
	d.in.Close()    //nolint:errcheck // the holder ends
	d.holder.Wait() //nolint:errcheck // nothing is kept
}
