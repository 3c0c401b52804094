using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Tbrm.Text")]
[assembly: InternalsVisibleTo("Tbrm.Jinja.Tests")]
[assembly: InternalsVisibleTo("Tbrm.Text.Tests")]
[assembly: InternalsVisibleTo("Tbrm.Fuzz")]
