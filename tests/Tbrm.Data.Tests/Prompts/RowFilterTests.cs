using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Data.Prompts;

namespace Tbrm.Data.Tests.Prompts;

internal sealed class RowFilterTests
{
    private const string Row =
        """{"data_source":"math_dapo","level":5,"extra_info":{"split":"train","url":"http://a|b"},"tags":["algebra","hard"],"none":null}""";

    [TestCase("data_source:math_dapo", true)]
    [TestCase("data_source:gsm8k", false)]
    [TestCase("data_source:gsm8k|data_source:math_dapo", true)]
    [TestCase(" data_source : gsm8k | data_source : math_dapo ", true)]
    [TestCase("data_source:math_dapo&level:5", true)]
    [TestCase("data_source:math_dapo&level:4", false)]
    [TestCase("level:4&data_source:gsm8k|extra_info.split:train", true)]
    [TestCase("!data_source:gsm8k", true)]
    [TestCase("!data_source:math_dapo", false)]
    [TestCase("data_source:math*", true)]
    [TestCase("data_source:*dapo", true)]
    [TestCase("data_source:m*_*o", true)]
    [TestCase("data_source:math_dapo*math_dapo", false)]
    [TestCase("data_source:*", true)]
    [TestCase("missing:*", false)]
    [TestCase("none:null", false)]
    [TestCase("!missing:x", true)]
    [TestCase("tags:hard", true)]
    [TestCase("tags:easy", false)]
    [TestCase(@"extra_info.url:http://a\|b", true)]
    [TestCase(@"data_source:math\*", false)]
    public void A_row_is_selected_by_the_grammar(string filter, bool selected)
    {
        Assert.That(RowFilter.Parse(filter).Accepts((JsonObject)JsonNode.Parse(Row)!), Is.EqualTo(selected));
    }

    [TestCase("")]
    [TestCase("data_source")]
    [TestCase("data_source:a|")]
    [TestCase(":a")]
    [TestCase(@"a:\q")]
    [TestCase("a:b\\")]
    public void Anything_else_is_refused(string filter)
    {
        Assert.That(() => RowFilter.Parse(filter), Throws.TypeOf<ConfigException>().With.Message.Contains("filter"));
    }
}
