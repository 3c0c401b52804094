using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Threading;
using NUnit.Framework;
using Tbrm.Testing;

namespace Tbrm.Jinja.Tests;

/// <summary>What templates from anyone must not be able to do, and what their errors say.</summary>
public sealed class JinjaLimitTests
{
    private const string Wrapped = "{% for i in range(100000) %}{% set ns.l = ";
    private static readonly JinjaLimits s_small =
        new() { MaxSteps = 200_000, MaxLength = 1 << 20, MaxTime = TimeSpan.FromSeconds(30) };

    // Grades of Jinja 3.1 with loop controls.
    [TestCase("{% break %}", "line 1")]
    [TestCase("\n{% if x %}{% continue %}{% endif %}", "line 2")]
    [TestCase("{% for i in [1] %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}", "break")]
    [TestCase("{% for i in [1] %}{% block b %}{% continue %}{% endblock %}{% endfor %}", "continue")]
    [TestCase("{% for i in [] %}{% else %}{% break %}{% endfor %}", "break")]
    [TestCase("{% block b required %}{% endblock %}", "'b' is required")]
    public void A_tag_outside_of_its_place_is_named_with_its_line(string source, string expected) =>
        Assert.That(() => JinjaTemplate.Parse(source), Throws.TypeOf<JinjaException>().With.Message.Contains(expected));

    [TestCase("{% for j in [1, 2] %}{{ j }}{% for i in [] %}{% else %}{% break %}{% endfor %}{% endfor %}", "1")]
    [TestCase(
        "{% for i in [1, 2, 3] %}{% filter upper %}{% if i == 2 %}{% break %}{% endif %}x{% endfilter %}{% endfor %}",
        "X")]
    [TestCase(
        "{% for i in [1, 2, 3] %}{% set x %}a{% if i == 2 %}{% continue %}{% endif %}b{% endset %}{{ x }}{{ i }}{% "
            + "endfor %}", "ab1ab3")]
    [TestCase(
        "{% for i in [1, 2, 3] %}{% filter upper %}a{% if i == 2 %}{% continue %}{% endif %}b{% endfilter %}{% endfor "
            + "%}", "ABAB")]
    [TestCase("{% set x = 1 %}{% with x = 2 %}{% block y scoped %}{{ x }}{% endblock %}{% endwith %}", "2")]
    [TestCase("{% set x = 1 %}{% with x = 2 %}{% block y %}{{ x }}{% endblock %}{% endwith %}", "1")]
    [TestCase("{{ ['b', 'a', 'C'] | unique(attribute='value') | join }}", "b")]
    public void Loops_blocks_and_undefined_keys_are_jinjas(string source, string expected) =>
        Assert.That(JinjaTemplate.Parse(source).Render(new Dictionary<string, JsonElement>()), Is.EqualTo(expected));

    [TestCase("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}")]
    [TestCase("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}")]
    [TestCase("{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}")]
    [TestCase("{{ 'a' * 10 ** 12 }}")]
    [TestCase("{{ [0] * 10 ** 12 }}")]
    [TestCase("{{ 10 ** (10 ** 10) }}")]
    [TestCase("{{ 'x'.center(10 ** 12) }}")]
    [TestCase("{{ 'x'.ljust(999999999) }}")]
    [TestCase("{{ '%0999999999d' % 1 }}")]
    [TestCase("{{ '{:999999999}'.format(1) }}")]
    [TestCase("{{ 'a\\nb' | indent(10 ** 10) }}")]
    [TestCase("{{ [1] | tojson(indent=10 ** 10) }}")]
    [TestCase("{{ range(10 ** 9) }}")]
    [TestCase(
        "{% set ns = namespace(s='aaaaaaaaaaaaaaaa') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor "
            + "%}{{ ns.s }}")]
    [TestCase(
        "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}")]
    [TestCase("{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}")]
    [TestCase("{% for i in range(100000) %}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{% endfor %}")]
    [TestCase("{% for i in range(100000) %}{% if 'ab' in 'a' * 1000000 %}{% endif %}{% endfor %}")]
    [TestCase(
        "{% set ns = namespace(l=(1,)) %}{% for i in range(64) %}{% set ns.l = (ns.l, ns.l) %}{% endfor %}{{ {ns.l: "
            + "1} }}")]
    [TestCase(
        "{% set ns = namespace(l=[1]) %}{% for i in range(64) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | "
            + "pprint }}")]
    [TestCase("{{ ([[1]] * 10000) | sum(start=[]) | length }}")]
    [TestCase("{{ ('a' * 1000000) | wordwrap(1) }}")]
    [TestCase("{{ ('&' * 1000000) | e }}")]
    public void A_greedy_template_is_stopped(string source)
    {
        Assert.That(() => JinjaTemplate.Parse(source).Render([], s_small), Throws.InstanceOf<JinjaException>());
    }

    [TestCase("ns.l | map('upper')", "ns.l | list")]
    [TestCase("ns.l | select", "ns.l | first")]
    [TestCase("(ns.l,)", "{ns.l: 1}")]
    [TestCase("(ns.l,)", "ns.l in {}")]
    [TestCase("[ns.l]", "ns.l | pprint")]
    [TestCase("[ns.l]", "ns.l == [ns.l]")]
    [TestCase("[ns.l]", "ns.l < [ns.l]")]
    [TestCase("{1: ns.l}", "ns.l | tojson")]
    public void Values_that_are_nested_without_end_are_an_error_and_not_a_crash(string wrapped, string used)
    {
        string source = $"{{% set ns = namespace(l=('a',)) %}}{Wrapped}{wrapped} %}}{{% endfor %}}{{{{ {used} }}}}";
        JinjaLimits limits = s_small with { MaxSteps = 5_000_000 };
        // A stack of a megabyte has ten bytes for a level. The machine's own may hold them all where the compiler makes
        // the frames small.
        Exception? caught = null;
        Thread small = new(() => caught = Assert.Catch(() => JinjaTemplate.Parse(source).Render([], limits)),
            maxStackSize: 1 << 20);
        small.Start();
        small.Join();
        Assert.That(caught, Is.InstanceOf<JinjaException>().With.Message.Contains("nested"));
    }

    [Test]
    public void Garbage_counts_as_memory()
    {
        JinjaLimits limits = s_small with { MaxBytes = 64 << 20, MaxSteps = long.MaxValue };
        const string Source = "{% for i in range(100000) %}{% set x = 'a' * 1000000 ~ i %}{% endfor %}";
        Assert.That(() => JinjaTemplate.Parse(Source).Render([], limits),
            Throws.InstanceOf<JinjaException>().With.Message.Contains("allocates"));
    }

    /// <summary>The search of the platform would take hours here.</summary>
    [TestCase("{{ ('a' * 300000 ~ 'b' ~ 'a' * 300000) in 'a' * 1000000 }}", "False")]
    [TestCase("{{ ('a' * 1000000).rfind('a' * 300000 ~ 'b' ~ 'a' * 300000) }}", "-1")]
    [TestCase("{{ ('a' * 500000 ~ 'b' ~ 'a' * 400000).find('a' * 300000 ~ 'b') }}", "200000")]
    [TestCase("{{ ('ab' * 100000).rfind('ab' * 40) }}", "199920")]
    [TestCase("{{ ('ab' * 100000).count('ab' * 40) }}", "2500")]
    [TestCase("{{ ('ab' * 200000).rsplit('b') | length }}", "200001")]
    [TestCase("{{ ('x' * 50 ~ ',' ~ 'x' * 50 ~ ',').replace('x' * 40 ~ ',', '-') }}", "xxxxxxxxxx-xxxxxxxxxx-")]
    [TestCase("{{ ('<!--' * 200000) | striptags | length }}", "800000")]
    [TestCase("{{ '<b>a<!-- > --> b</b' | striptags }}", "a b</b")]
    [TestCase("{{ '{:b}'.format(7 ** 300000) | length }}", "842207")]
    [TestCase("{{ '%o' % 8 ** 40 ~ ' %x' % 255 ~ ' ' ~ '{:b}'.format(0) }}",
        "10000000000000000000000000000000000000000 ff 0")]
    public void Long_texts_are_searched_in_linear_time(string source, string expected)
    {
        Assert.That(JinjaTemplate.Parse(source).Render([]), Is.EqualTo(expected));
    }

    [TestCase("{{ [].append(1) }}", "append")]
    [TestCase("{{ {}.update({}) }}", "update")]
    [TestCase("{{ ''.__class__.__mro__ }}", "__class__")]
    [TestCase("{{ x.__globals__.y }}", "'x' is undefined")]
    public void The_sandbox_names_what_it_refuses(string source, string part)
    {
        Assert.That(() => JinjaTemplate.Parse(source).Render([]),
            Throws.InstanceOf<JinjaException>().With.Message.Contains(part));
    }

    [TestCase("a\nb\n{{ 1 + }}", "line 3", "expression")]
    [TestCase("a\n{% foo %}", "line 2", "foo")]
    [TestCase("a\n\n{% include 'x' %}", "line 3", "include")]
    [TestCase("{{ 'x' | nope }}", "line 1", "nope")]
    [TestCase("{{ 'x' is nope }}", "line 1", "nope")]
    [TestCase("\n{% if x %}", "line 2", "if")]
    [TestCase("\n{{ x.y }}", "line 2", "'x' is undefined")]
    [TestCase("{% for a, b in [1] %}{% endfor %}", "line 1", "unpack")]
    [TestCase("{{ [[]] | urlencode }}", "line 1", "unpack")]
    [TestCase("{{ ['abc'] | urlencode }}", "line 1", "unpack")]
    public void An_error_names_line_and_construct(string source, string line, string part)
    {
        Assert.That(
            () => JinjaTemplate.Parse(source).Render([]),
            Throws.InstanceOf<JinjaException>().With.Message.Contains(line).And.Message.Contains(part));
    }

    [Test]
    public void An_exception_of_the_template_gives_its_own_text()
    {
        Assert.That(
            () => JinjaTemplate.Parse("x\n{{ raise_exception('Only user roles') }}").Render([]),
            Throws.TypeOf<JinjaRaisedException>().With.Message.EqualTo("Only user roles"));
    }

    [Test]
    public void Deep_nesting_is_an_error_and_not_a_crash(
        [Values("(", "[", "{'a':", "not ", "-", "{% if 1 %}", "{{ '")] string opening)
    {
        string source = opening.StartsWith("{%", StringComparison.Ordinal)
            ? string.Concat(Enumerable.Repeat(opening, 100_000))
            : "{{ " + string.Concat(Enumerable.Repeat(opening, 100_000)) + " }}";
        Assert.That(() => JinjaTemplate.Parse(source), Throws.InstanceOf<JinjaException>());
    }

    [Test]
    public void Mutated_templates_render_or_fail_with_a_message()
    {
        string[] sources = [.. GoldenFiles.Rows("snippets.jsonl")
            .Concat(GoldenFiles.Rows("chat.jsonl"))
            .Select(row => row.Text("template")).OfType<string>().Where(source => source.Length > 0)];
        JsonElement variables = GoldenFiles.Rows("snippets.jsonl").First().GetProperty("vars");
        KeyValuePair<string, JsonElement>[] members =
            [.. variables.EnumerateObject().Select(member => KeyValuePair.Create(member.Name, member.Value))];
        Random random = new(20240726);
        int rendered = 0;
        for (int i = 0; i < 3000; i++)
        {
            string mutated = Mutation.Of(
                sources[random.Next(sources.Length)], sources[random.Next(sources.Length)], random);
            try
            {
                _ = JinjaTemplate.Parse(mutated).Render(members, s_small);
                rendered++;
            }
            catch (JinjaException e)
            {
                Assert.That(e.Message, Is.Not.Empty);
            }
        }

        Assert.That(rendered, Is.InRange(100, 2900));
    }
}
