using System;
using System.Linq;
using System.Text;
using System.Text.Json;
using Tbrm.Fuzz.Mutation;
using Tbrm.Text.Chat;
using Tbrm.Jinja;

namespace Tbrm.Fuzz.Targets;

/// <summary>Chat templates: parsing them, and rendering them with a hostile conversation.</summary>
internal sealed class TemplateTarget : IFuzzTarget
{
    private const string Variables = """
        {"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"What is 1+1? <b>é𝒳</b>"},{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":{"a":[1,2.5,null]}}}]}],
         "add_generation_prompt":true,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"text":"line one\nline two\tand three-four","numbers":[3,1,2,1e300,-0.0],
         "deep":[[[[[[[[[[[[[[[[{"a":[]}]]]]]]]]]]]]]]]],"bos_token":"<s>","y":"Ünïcode \u0000"}
        """;

    private static readonly string[] s_seeds =
    [
        "{%- for message in messages %}\n{{- '<|im_start|>' + message['role'] + '\\n' + (message.content or '') + "
            + "'<|im_end|>' + '\\n' }}\n{%- endfor %}\n{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' "
            + "}}{%- endif %}",
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system = "
            + "messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% endif %}"
            + "{% for m in loop_messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ "
            + "raise_exception('roles must alternate') }}{% endif %}{{ m.content | trim }}{% endfor %}",
        "{%- if tools %}{{- '# Tools\\n' }}{%- for tool in tools %}{{- '\\n' }}{{- tool | tojson(indent=4) }}{%- "
            + "endfor %}{%- endif %}{%- set ns = namespace(found=false, index=messages|length - 1) %}"
            + "{%- for message in messages[::-1] %}{%- set i = (messages|length - 1) - loop.index0 %}{%- if ns.found "
            + "is false and message.role == \"user\" and message.content is string %}{%- set ns.found = true %}{%- "
            + "set ns.index = i %}{%- endif %}{%- endfor %}",
        "{%- macro render(x, depth=0) -%}{%- if x is mapping -%}{%- for k, v in x|dictsort -%}{{ k }}: {{ render(v, "
            + "depth + 1) }}{%- endfor -%}{%- elif x is string -%}{{ x|upper }}{%- else -%}{{ x }}{%- endif -%}{%- "
            + "endmacro -%}{{ render(tools[0]) }}",
        "{% set content = text.split('\\n')[-1].lstrip('\\n') %}{{ content ~ strftime_now('%d %b %Y') }}{% for item "
            + "in numbers|sort(reverse=true) recursive %}{{ loop.cycle('a', 'b') }}{{ item }}{% else %}none{% endfor "
            + "%}",
    ];

    private static readonly JinjaLimits s_limits =
        new() { MaxSteps = 300_000, MaxLength = 1 << 20, MaxBytes = 128 << 20, MaxTime = TimeSpan.FromSeconds(2) };

    /// <inheritdoc/>
    public string Name => "template";

    /// <inheritdoc/>
    public long AllocationLimit => 512L << 20;

    /// <inheritdoc/>
    public byte[] Create(Random random)
    {
        string seed = s_seeds[random.Next(s_seeds.Length)];
        TemplateGrammar grammar = new(random);
        string template = random.Next(6) switch
        {
            0 => seed,
            1 => seed.Replace("messages", $"({grammar.Expression(0)})", StringComparison.Ordinal),
            2 => Nested(random),
            _ => grammar.Template(),
        };
        byte[] bytes = Encoding.UTF8.GetBytes(template);
        return random.Next(3) == 0 ? ByteMutation.Mutate(bytes, Encoding.UTF8.GetBytes(seed), random) : bytes;
    }

    /// <inheritdoc/>
    public bool Run(byte[] input)
    {
        try
        {
            using JsonDocument row = JsonDocument.Parse(Variables);
            _ = ChatTemplate.FromSource(Encoding.UTF8.GetString(input), s_limits, static () => DateTimeOffset.UnixEpoch)
                .Render(row.RootElement);
            return true;
        }
        catch (JinjaException)
        {
            return false;
        }
    }

    /// <summary>One construct inside itself again and again.</summary>
    private static string Nested(Random random)
    {
        (string Open, string Middle, string Close)[] kinds =
        [
            ("{{ (", "1", ") }}"), ("[", "1", "]"), ("{% if 1 %}", "x", "{% endif %}"),
                ("{% for a in [1] %}", "x", "{% endfor %}"), ("not ", "1", ""), ("-", "1", ""), ("x.", "y", ""),
                ("x|upper|", "lower", ""),
            ("1 + ", "1", ""), ("1 ~ ", "1", ""), ("1 if 1 else ", "1", ""), ("a(", "1", ")"), ("a[", "1", "]"),
                ("{'a': ", "1", "}"), ("1 ** ", "1", ""), ("1 and ", "1", ""), ("1 < ", "1", ""),
                ("x is not defined and ", "y", ""),
        ];
        (string open, string middle, string close) = kinds[random.Next(kinds.Length)];
        int depth = random.Next(3) switch { 0 => random.Next(50), 1 => random.Next(2000), _ => 30_000 };
        string text = string.Concat(Enumerable.Repeat(open, depth)) + middle
            + string.Concat(Enumerable.Repeat(close, depth));
        return open.StartsWith("{%", StringComparison.Ordinal) || open.StartsWith("{{", StringComparison.Ordinal) ? text
            : $"{{{{ {text} }}}}";
    }
}
