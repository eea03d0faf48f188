// Command run runs go test with its arguments and prints what it prints, and also which tests were skipped and why:
// make test runs it.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"s1graph/gotest"
)

func main() {
	c := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	c.Stderr = os.Stderr
	code, err := run(c)
	if err != nil {
		fmt.Fprintln(os.Stderr, "go test:", err)
	} else if code != 0 {
		fmt.Println("FAIL")
	}
	os.Exit(code)
}

// run gives the exit code of a go test -json, whose output it prints.
func run(c *exec.Cmd) (int, error) {
	out, err := c.StdoutPipe()
	if err != nil {
		return 1, err
	}
	if err := c.Start(); err != nil {
		return 1, err
	}
	printed := gotest.Print(os.Stdout, out)
	var exit *exec.ExitError
	if err := c.Wait(); errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), printed
	} else if err != nil {
		return 1, err
	}
	if printed != nil {
		return 1, printed
	}
	return 0, nil
}
