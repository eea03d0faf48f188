package model_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/model"
)

func TestIDsThatAreNumbersCompareAsNumbersWhateverTheirLength(t *testing.T) {
	for _, pair := range [][2]string{
		{"9", "10"}, {"999", "1000"}, {"0999", "1000"}, {"1234567890123456789", "1234567890123456790"},
		{"99999999999999999999", "100000000000000000000"}, {"999999999999999999999", "1000000000000000000000"},
	} {
		less, greater := model.Rank{Tie: model.ID(pair[0])}, model.Rank{Tie: model.ID(pair[1])}
		assert.Negative(t, less.Compare(greater), "%v", pair)
		assert.Positive(t, greater.Compare(less), "%v", pair)
	}
	assert.Zero(t, model.Rank{Tie: model.ID("007")}.Compare(model.Rank{Tie: model.ID("7")}))
	assert.Positive(t, model.Rank{Number: 2}.Compare(model.Rank{Number: 1, Tie: model.ID("9")}), "the number comes first")
}
