using System;
using System.Globalization;
using System.Linq;
using System.Text;

namespace Tbrm.Fuzz.Mutation;

/// <summary>Jinja templates at random: well-formed for the most part, with the arguments that a careless library does
/// not expect.</summary>
internal sealed class TemplateGrammar(Random random)
{
    private static readonly string[] s_filters =
        ("abs count d default filesizeformat float int length round sum wordcount attr map reject rejectattr select "
            + "selectattr batch dictsort first groupby items "
        + "join last list max min reverse slice sort unique capitalize center e escape forceescape format indent "
        + "lower pprint replace safe string striptags title "
        + "tojson trim truncate upper urlencode wordwrap xmlattr nope").Split(' ');

    private static readonly string[] s_methods =
        ("capitalize casefold center count endswith expandtabs find format format_map index isalnum isalpha isdigit "
            + "isidentifier islower isspace istitle isupper join "
        + "ljust lower lstrip partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip "
        + "split splitlines startswith strip swapcase title "
        + "upper zfill items keys values get append update pop copy __class__ x").Split(' ');

    private static readonly string[] s_tests =
        ("boolean callable defined divisibleby escaped even false filter float in integer iterable lower mapping none "
            + "number odd sameas sequence string test true undefined upper eq ge").Split(' ');

    private static readonly string[] s_grown =
        ["[ns.l]", "ns.l|map('upper')", "ns.l + ns.l", "[ns.l, ns.l]", "{'a': ns.l}", "(ns.l,)", "ns.l|unique",
            "ns.l|batch(2)"];

    private static readonly string[] s_looks =
        ["ns.l", "ns.l|list", "ns.l == ns.l", "ns.l|tojson", "ns.l|string|length", "ns.l|sort", "ns.l|pprint",
            "ns.l in ns.l", "{ns.l: 1}", "ns.l < ns.l", "'%s' % ns.l", "ns.l|unique|list", "ns.l|first"];

    private static readonly string[] s_operators =
        ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">=", "in", "not in", "and", "or"];

    private static readonly string[] s_names =
        ["messages", "x", "y", "loop", "ns", "m", "deep", "text", "numbers", "loop.index", "loop.previtem",
        "messages[0]", "undefined.a", "self", "caller"];

    private static readonly string[] s_constants =
    [
        "0", "1", "-1", "10**9", "10**18", "99999999999999999999", "1e308", "1.5", "true", "none", "''", "'a'",
            "'ab' * 1000", "'a' * 10**6", "[]", "{}", "[1, 2]", "[[1], [2, [3]]]",
        "{'a': 1}", "(1,)", "range(5)", "range(10**9)", "range(10**18)", "namespace(a=1)", "'%s %d'", "'%0999999d'",
            "'{:>999999}'", "'{0.a[b]}'", "'\\u00e9𝒳\\n'", "'<b>&'", "joiner()", "cycler(1, 2)",
    ];

    private int _budget = 60;

    /// <summary>A template.</summary>
    public string Template()
    {
        StringBuilder output = new();
        for (int parts = random.Next(1, 6); parts > 0; parts--)
        {
            output.Append(Statement(0));
        }

        return output.ToString();
    }

    /// <summary>An expression.</summary>
    public string Expression(int depth)
    {
        _budget--;
        if (depth > 5 || _budget < 0)
        {
            return Leaf();
        }

        string inner = Expression(depth + 1);
        switch (random.Next(14))
        {
            case 0 or 1:
                return Leaf();
            case 2 or 3:
                return $"({inner} {Pick(s_operators)} {Expression(depth + 1)})";
            case 4 or 5 or 6:
                return $"({inner})|{Pick(s_filters)}{Arguments(depth)}";
            case 7 or 8:
                return $"({inner}).{Pick(s_methods)}{Arguments(depth)}";
            case 9:
                return $"({inner} is {(random.Next(3) == 0 ? "not " : "")}{Pick(s_tests)}"
                    + $"{(random.Next(2) == 0 ? Arguments(depth) : "")})";
            case 10:
                return $"({inner})[{Expression(depth + 1)}]";
            case 11:
                return $"({inner})[{Bound()}:{Bound()}{(random.Next(2) == 0 ? $":{Bound()}" : "")}]";
            case 12:
                return $"({inner} if {Expression(depth + 1)} else {Leaf()})";
            default:
                return random.Next(3) switch
                {
                    0 => $"[{inner}, {Leaf()}]",
                    1 => $"{{{Leaf()}: {inner}}}",
                    _ => $"-{inner}"
                };
        }
    }

    private string Statement(int depth)
    {
        _budget--;
        if (depth > 3 || _budget < 0)
        {
            return "text\n";
        }

        string body = Statement(depth + 1) + Statement(depth + 1);
        return random.Next(12) switch
        {
            0 or 1 or 2 => $"{{{{ {Expression(0)} }}}}",
            3 => $"{{% if {Expression(0)} %}}{body}{{% elif {Leaf()} %}}b{{% else %}}c{{% endif %}}",
            4 or 5 =>
                $"{{% for x in {Expression(1)} {(random.Next(3) == 0 ? "if " + Leaf() : "")} "
                    + $"{(random.Next(4) == 0 ? "recursive" : "")}%}}{body}"
                + $"{(random.Next(4) == 0 ? "{{ loop(x) }}" : "")}{(random.Next(5) == 0 ? "{% else %}e" : "")}{{% "
                + $"endfor %}}",
            6 => $"{{%- set x = {Expression(0)} -%}}",
            7 =>
                $"{{% set ns = namespace(a={Leaf()}) %}}{{% for i in range({random.Next(100)}) %}}{{% set ns.a = "
                    + $"{Expression(1)} ~ ns.a ~ ns.a %}}{{% endfor %}}{{{{ ns.a }}}}",
            8 =>
                $"{{% set ns = namespace(l=[1]) %}}{{% for i in "
                    + $"range({(random.Next(4) == 0 ? 60_000 : random.Next(1000))}) %}}{{% set ns.l = "
                    + $"{Pick(s_grown)} %}}{{% endfor %}}{{{{ {Pick(s_looks)} }}}}",
            9 =>
                $"{{% macro m(a, b={Leaf()}) %}}{body}{(random.Next(4) == 0 ? "{{ m(a) }}" : "")}{{{{ a }}}}{{% "
                    + $"endmacro %}}{{{{ m({Leaf()}) }}}}",
            10 => $"{{% filter {Pick(s_filters)} %}}{body}{{% endfilter %}}",
            _ => Pick(["{% raw %}{{{% endraw %}", "{# c #}", "{% generation %}g{% endgeneration %}", "{% break %}",
                "{% continue %}", "{% set y %}z{% endset %}", "{%+ if x %}\n{%- endif +%}", "text "]),
        };
    }

    private string Leaf() => random.Next(3) == 0 ? Pick(s_names)
        : random.Next(12) == 0 ? $"'{string.Concat(HostileText.Piece(random).Where(c => c is not ('\\' or '\'')))}'"
        : Pick(s_constants);

    private string Bound() => random.Next(3) == 0 ? "" : random.Next(2) == 0
        ? random.Next(-5, 6).ToString(CultureInfo.InvariantCulture) : Pick(["10**9", "-10**20", "none", "'a'"]);

    private string Arguments(int depth)
    {
        int count = random.Next(4);
        if (count == 3)
        {
            return "";
        }

        string[] names = ["", "", "", "width=", "attribute=", "d=", "indent=", "reverse=", "sep=", "*", "**"];
        string[] values = [.. Enumerable.Range(0, count)
            .Select(_ => Pick(names) + Pick([Leaf(), Expression(depth + 2), "'upper'", "'a.b.0'"]))];
        return $"({string.Join(", ", values)})";
    }

    private string Pick(string[] choices) => choices[random.Next(choices.Length)];
}
