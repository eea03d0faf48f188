package jsonstore_test

const childVariable = "S1GRAPH_TEST_CHILD"

var children = map[string]func(){}
