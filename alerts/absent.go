package alerts

import (
	"errors"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// errAbsent stands for what is not there. Whatever is reckoned from it is not there either, until a comparison makes
// it false.
var errAbsent = errors.New("absent")

func isAbsent(v ref.Val) bool {
	err, ok := v.(*types.Err)
	if !ok {
		return false
	}
	if errors.Is(err.Unwrap(), errAbsent) {
		return true
	}
	text := err.Error() // a key or an index that is not there has no error of its own in CEL
	return strings.HasPrefix(text, "no such key") || strings.HasPrefix(text, "index out of bounds")
}

// absentIsFalse makes false of each comparison of what is absent, and of each other function that answers yes or no.
func absentIsFalse(checked *ast.AST) interpreter.InterpretableDecoratorV2 {
	presence := map[int64]bool{}
	ast.PreOrderVisit(checked.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() {
			presence[e.ID()] = true
		}
	}))
	return func(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		if t := checked.TypeMap()[i.ID()]; t == nil || t.Kind() != types.BoolKind {
			return i, nil
		}
		switch node := i.(type) {
		case interpreter.InterpretableConst:
			return i, nil
		case interpreter.InterpretableAttribute:
			// A flag stays what it is, absent too, so that !entity.infected is as false as entity.infected where
			// nobody knows.
			if !presence[i.ID()] {
				return i, nil
			}
		case interpreter.InterpretableCall:
			return guardedCall{node}, nil
		}
		return guarded{i}, nil
	}
}

type guarded struct{ interpreter.InterpretableV2 }

// Exec is false for what is absent.
func (g guarded) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	return falseIfAbsent(g.InterpretableV2.Exec(frame))
}

// Eval is Exec for callers that have no frame.
func (g guarded) Eval(a interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(a, g.Exec)
}

// guardedCall does for a call what guarded does for other expressions. It stays an InterpretableCall, since CEL's optimizations
// look for calls.
type guardedCall struct{ interpreter.InterpretableCall }

// Exec is false for what is absent.
func (g guardedCall) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	return falseIfAbsent(g.InterpretableCall.Exec(frame))
}

// Eval is Exec for callers that have no frame.
func (g guardedCall) Eval(a interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(a, g.Exec)
}

func falseIfAbsent(v ref.Val) ref.Val {
	if isAbsent(v) {
		return types.False
	}
	return v
}

// guardedMatches compiles regular expressions once, and finds out when the configuration is read that one is wrong.
var guardedMatches = interpreter.RegexOptimization{
	Function:   interpreter.MatchesRegexOptimization.Function,
	RegexIndex: interpreter.MatchesRegexOptimization.RegexIndex,
	Factory: func(call interpreter.InterpretableCall, pattern string) (interpreter.InterpretableCall, error) {
		optimized, err := interpreter.MatchesRegexOptimization.Factory(call, pattern)
		if err != nil {
			return nil, err
		}
		return guardedCall{optimized}, nil
	},
}
