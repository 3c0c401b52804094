using System;
using System.Collections.Generic;

namespace Tbrm.MathVerify.Latex;

/// <summary>The spellings of the grammar's tokens. The longest spelling that fits wins.</summary>
internal static class TokenTable
{
    private static readonly (TokenKind Kind, string Spellings)[] s_spellings =
    [
        (TokenKind.Skip,
            @"\, \thinspace \: \medspace \; \thickspace \quad \qquad \! \negthinspace \negmedspace \negthickspace \$"),
        (TokenKind.Skip, @"\vrule \vcenter \vbox \vskip \vspace \hfil"),
        (TokenKind.Add, "+ ∔ ⊕ ⊞"),
        (TokenKind.Sub, "- − ∸"),
        (TokenKind.Mul, @"* × ⋅ ⋄ ⊡ ∗ ⋆ ∘ ∙ ⊗ ⊠ ⋈ ⋉ ⋊ \times \cdot"),
        (TokenKind.Div, @"/ ÷ ∕ \over \div"),
        (TokenKind.Mod, @"\mod"),
        (TokenKind.LeftParen, "("),
        (TokenKind.RightParen, ")"),
        (TokenKind.LeftParenVisual, @"\("),
        (TokenKind.RightParenVisual, @"\)"),
        (TokenKind.LeftGroup, @"\lgroup"),
        (TokenKind.RightGroup, @"\rgroup"),
        (TokenKind.LeftBrace, "{"),
        (TokenKind.RightBrace, "}"),
        (TokenKind.LeftBraceVisual, @"\{"),
        (TokenKind.RightBraceVisual, @"\}"),
        (TokenKind.LeftBraceCommand, @"\lbrace"),
        (TokenKind.RightBraceCommand, @"\rbrace"),
        (TokenKind.LeftBracket, "["),
        (TokenKind.RightBracket, "]"),
        (TokenKind.LeftBrack, @"\lbrack"),
        (TokenKind.RightBrack, @"\rbrack"),
        (TokenKind.Phantom, @"\phantom"),
        (TokenKind.Boxed, @"\boxed"),
        (TokenKind.Bar, "|"),
        (TokenKind.LeftVert, @"\lvert"),
        (TokenKind.RightVert, @"\rvert"),
        (TokenKind.Vert, @"\vert"),
        (TokenKind.Norm, @"\|"),
        (TokenKind.LeftAngle, @"\langle"),
        (TokenKind.RightAngle, @"\rangle"),
        (TokenKind.LeftFloor, @"\lfloor"),
        (TokenKind.RightFloor, @"\rfloor"),
        (TokenKind.LeftLowerCorner, @"\llcorner"),
        (TokenKind.RightLowerCorner, @"\lrcorner"),
        (TokenKind.LeftCeiling, @"\lceil"),
        (TokenKind.RightCeiling, @"\rceil"),
        (TokenKind.LeftUpperCorner, @"\ulcorner"),
        (TokenKind.RightUpperCorner, @"\urcorner"),
        (TokenKind.Limit, @"\lim"),
        (TokenKind.Approaches, @"\to \rightarrow \Rightarrow \longrightarrow \Longrightarrow"),
        (TokenKind.Integral, @"\int"),
        (TokenKind.Sum, @"\sum"),
        (TokenKind.Product, @"\prod"),
        (TokenKind.SingleArgumentFunction,
            @"\log \ln \exp \sin \cos \tan \csc \sec \cot \arcsin \arccos \arctan \arccsc \arcsec \arccot"),
        (TokenKind.SingleArgumentFunction,
            @"\sinh \cosh \tanh \arsinh \arcosh \artanh \arcsinh \arccosh \arctanh \floor \ceil \det"),
        (TokenKind.MultiArgumentFunction, @"\gcd \lcm \max \min"),
        (TokenKind.SingleArgumentName,
            "arsinh arcsinh arcosh arccosh artanh arctanh floor ceil eye rank trace tr rref nullspace eig eigen"),
        (TokenKind.SingleArgumentName,
            "diagonalize norm eigenvals eigenvalues eigenvects eigenvectors svd SVD cols rows"),
        (TokenKind.MultiArgumentName, "gcd lcm zeros orth ortho orthogonal orthogonalize ones diag hstack vstack"),
        (TokenKind.SquareRoot, @"\sqrt"),
        (TokenKind.Frac, @"\frac \dfrac \tfrac \cfrac"),
        (TokenKind.Binom, @"\binom \tbinom \dbinom"),
        (TokenKind.Choose, @"\choose"),
        (TokenKind.OperatorName, @"\operatorname"),
        (TokenKind.MatrixWord, "matrix pmatrix bmatrix vmatrix"),
        (TokenKind.MatrixStart, @"\begin{matrix} \begin{pmatrix} \begin{bmatrix}"),
        (TokenKind.MatrixEnd, @"\end{matrix} \end{pmatrix} \end{bmatrix}"),
        (TokenKind.ArrayEnd, @"\end{array}"),
        (TokenKind.DeterminantStart, @"\begin{vmatrix}"),
        (TokenKind.DeterminantEnd, @"\end{vmatrix}"),
        (TokenKind.NextColumn, "&"),
        (TokenKind.NextRow, @"\\"),
        (TokenKind.Underscore, "_"),
        (TokenKind.Caret, "^"),
        (TokenKind.Colon, ":"),
        (TokenKind.Semicolon, ";"),
        (TokenKind.Comma, ","),
        (TokenKind.Period, "."),
        (TokenKind.Exponential, @"e \exponentialE"),
        (TokenKind.CapitalE, "E"),
        (TokenKind.RowArrow, @"\xrightarrow \xRightarrow"),
        (TokenKind.Exchange, @"<-> <=> \leftrightarrow \Leftrightarrow"),
        (TokenKind.In, @"\in"),
        (TokenKind.Assignment, "= ≡ ≣ ≟ ≎ ≏ ≐ ≑ ≒ ≓ ≔ ≕ ≖ ≗"),
        (TokenKind.Equal, @"== \equiv"),
        (TokenKind.Approximately, @"~= ≈ ≊ ≋ ≃ ≅ \approx"),
        (TokenKind.Less, @"< ≪ ≺ ⋖ \lt"),
        (TokenKind.LessOrEqual, @"\leq \le \leqslant ≤ ≦ ≲ ≾ <="),
        (TokenKind.Greater, @"> ≫ ≻ ⋗ \gt"),
        (TokenKind.GreaterOrEqual, @"\geq \ge \geqslant ≥ ≧ ≳ ≿ >="),
        (TokenKind.Unequal, @"!= !== \ne \neq \not\equiv ≠ ≁ ≄ ≇ ≉ ≢"),
        (TokenKind.Bang, "!"),
        (TokenKind.Greek,
            @"\alpha α \beta β \gamma γ \Gamma Γ \delta δ \Delta Δ \epsilon ε \varepsilon ϵ \zeta ζ \eta η"),
        (TokenKind.Greek,
            @"\theta θ \Theta Θ \vartheta ϑ \iota ι \kappa κ \lambda λ \Lambda Λ \mu μ \nu ν \xi ξ \Xi Ξ"),
        (TokenKind.Greek, @"\omicron ο \pi π \Pi Π \varpi ϖ \rho ρ \varrho ϱ \sigma σ \Sigma Σ \varsigma ς \tau τ"),
        (TokenKind.Greek, @"\upsilon υ \Upsilon Υ \phi φ \Phi Φ \varphi ϕ \chi χ \psi ψ \Psi Ψ \omega ω \Omega Ω"),
        (TokenKind.OtherSymbol,
            @"\Bbbk \wp \nabla \bigstar \angle \nexists \diagdown \measuredangle \eth ℵ ℶ ℷ ℸ \diagup"),
        (TokenKind.OtherSymbol,
            @"\sphericalangle \clubsuit \varnothing \Diamond \complement \diamondsuit \imath \Finv \triangledown"),
        (TokenKind.OtherSymbol,
            @"\heartsuit \jmath \Game \triangle \spadesuit \ell \hbar \vartriangle \hslash \blacklozenge \lozenge"),
        (TokenKind.OtherSymbol,
            @"\blacksquare \mho \blacktriangle \sharp \prime \Im \flat \square \backprime \Re \natural \surd "
                + @"\circledS"),
        (TokenKind.Partial, @"\partial"),
        (TokenKind.Infinity, @"\infty \$\infty \infty\% \infty%"),
        (TokenKind.Naturals, @"\mathbb{N} ℕ"),
        (TokenKind.Integers, @"\mathbb{Z} ℤ"),
        (TokenKind.Rationals, @"\mathbb{Q} ℚ"),
        (TokenKind.Reals, @"\mathbb{R} ℝ"),
        (TokenKind.Complexes, @"\mathbb{C} ℂ"),
        (TokenKind.Primes, @"\mathbb{P} ℙ"),
        (TokenKind.Union, @"\cup ∪"),
        (TokenKind.Intersection, @"\cap ∩"),
        (TokenKind.SetMinus, @"\setminus ∖"),
        (TokenKind.PlusMinus, @"\pm ± ∓ \mp"),
        (TokenKind.EmptySet, @"\emptyset ∅ \{\} \lbrace\rbrace"),
        (TokenKind.Superset, @"\supseteq ⊇"),
        (TokenKind.Subset, @"\subseteq ⊆"),
        (TokenKind.NotIn, @"\notin ∉"),
        (TokenKind.Transpose, "^T ^{T} '"),
        (TokenKind.Degree, @"^\circ ^\degree ^\circle ^° ^{\circ} ^{\degree} ^{\circle} ^{°}"),
        (TokenKind.Unused, @"\mathit"),
    ];

    /// <summary>Accents: <c>\command{text}</c> is one token.</summary>
    private const string Accents =
        @"\acute \bar \overline \breve \check \widecheck \dot \ddot \grave \hat \tilde \widetilde \vec " +
        @"\overrightarrow \bm \boldsymbol \text \textit \textbf \textnormal \mathbb \mathbin \mathbf " +
        @"\mathcal \mathclap \mathclose \mathellipsis \mathfrak \mathinner \mathit \mathnormal \mathop " +
        @"\mathopen \mathord \mathpunct \mathrel \mathring \mathrlap \mathrm \mathscr \mathsf \mathsterling " +
        @"\mathtt \mbox";

    /// <summary>All spellings by their first character, longest first.</summary>
    public static Dictionary<char, (string Text, TokenKind Kind)[]> ByFirstCharacter { get; } = Index();

    /// <summary>The commands that start an accent, longest first.</summary>
    public static string[] AccentCommands { get; } = Longest(Accents.Split(' '));

    private static string[] Longest(string[] commands)
    {
        Array.Sort(commands, (a, b) => b.Length.CompareTo(a.Length));
        return commands;
    }

    private static Dictionary<char, (string Text, TokenKind Kind)[]> Index()
    {
        Dictionary<char, List<(string Text, TokenKind Kind)>> lists = [];
        foreach ((TokenKind kind, string spellings) in s_spellings)
        {
            foreach (string spelling in spellings.Split(' '))
            {
                if (!lists.TryGetValue(spelling[0], out List<(string Text, TokenKind Kind)>? list))
                {
                    lists.Add(spelling[0], list = []);
                }

                list.Add((spelling, kind));
            }
        }

        Dictionary<char, (string Text, TokenKind Kind)[]> result = [];
        foreach ((char first, List<(string Text, TokenKind Kind)> list) in lists)
        {
            list.Sort((a, b) => b.Text.Length.CompareTo(a.Text.Length));
            result.Add(first, [.. list]);
        }

        return result;
    }
}
