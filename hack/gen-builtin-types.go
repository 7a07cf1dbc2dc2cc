// Extracts what our server must know of the built-in Kubernetes types from the Go modules that define them:
// type and field names, JSON names, protobuf numbers, types, presence rules, list types, merge keys, enum values.
// Facts only: no descriptions are taken. Writes packages/apiserver/src/gen/builtin-types.ts.
//
// Used by hand when a new Kubernetes minor is taken up:
//
//	go mod download k8s.io/api@v0.35.0 k8s.io/apimachinery@v0.35.0 \
//	  k8s.io/apiextensions-apiserver@v0.35.0 k8s.io/kube-aggregator@v0.35.0
//	go run hack/gen-builtin-types.go "$(go env GOMODCACHE)" v0.35.0 > packages/apiserver/src/gen/builtin-types.ts
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// source is one Go package and the name its types have in OpenAPI.
type source struct {
	id     string   // how other packages' fields refer to it
	module string   // below GOMODCACHE, without the version
	dir    string   // below the module
	ref    string   // OpenAPI prefix
	roots  []string // only what these reach; empty: every kind
}

func api(id, dir string, roots ...string) source {
	return source{id, "k8s.io/api", dir, "io.k8s.api." + strings.ReplaceAll(dir, "/", "."), roots}
}

var sources = []source{
	{"meta/v1", "k8s.io/apimachinery", "pkg/apis/meta/v1", "io.k8s.apimachinery.pkg.apis.meta.v1", []string{
		"ObjectMeta", "ListMeta", "DeleteOptions", "ListOptions", "LabelSelector", "Condition", "Status"}},
	api("core/v1", "core/v1"),
	api("apps/v1", "apps/v1"),
	api("batch/v1", "batch/v1"), api("batch/v1beta1", "batch/v1beta1"),
	api("autoscaling/v1", "autoscaling/v1"), api("autoscaling/v2", "autoscaling/v2"),
	api("autoscaling/v2beta2", "autoscaling/v2beta2"),
	api("networking/v1", "networking/v1"), api("networking/v1beta1", "networking/v1beta1"),
	api("extensions/v1beta1", "extensions/v1beta1", "Ingress"),
	api("policy/v1", "policy/v1"), api("policy/v1beta1", "policy/v1beta1"),
	api("rbac/v1", "rbac/v1"), api("rbac/v1beta1", "rbac/v1beta1"),
	api("certificates/v1", "certificates/v1"), api("certificates/v1beta1", "certificates/v1beta1", "CertificateSigningRequest"),
	api("coordination/v1", "coordination/v1"), api("coordination/v1beta1", "coordination/v1beta1", "Lease"),
	api("authentication/v1", "authentication/v1"),
	api("authorization/v1", "authorization/v1"), api("authorization/v1beta1", "authorization/v1beta1"),
	api("admissionregistration/v1", "admissionregistration/v1"),
	api("admissionregistration/v1beta1", "admissionregistration/v1beta1"),
	api("events/v1", "events/v1"), api("events/v1beta1", "events/v1beta1"),
	api("discovery/v1", "discovery/v1"), api("discovery/v1beta1", "discovery/v1beta1"),
	api("storage/v1", "storage/v1"), api("storage/v1beta1", "storage/v1beta1"),
	api("scheduling/v1", "scheduling/v1"), api("scheduling/v1beta1", "scheduling/v1beta1"),
	api("node/v1", "node/v1"), api("node/v1beta1", "node/v1beta1"),
	api("flowcontrol/v1", "flowcontrol/v1"), api("flowcontrol/v1beta3", "flowcontrol/v1beta3"),
	{"apiextensions/v1", "k8s.io/apiextensions-apiserver", "pkg/apis/apiextensions/v1",
		"io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1", []string{"CustomResourceDefinition"}},
	{"apiregistration/v1", "k8s.io/kube-aggregator", "pkg/apis/apiregistration/v1",
		"io.k8s.kube-aggregator.pkg.apis.apiregistration.v1", []string{"APIService"}},
}

// special types have an encoding of their own; the letters are those of builtin/type-table.ts.
var special = map[string]string{
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":                              "T",
	"k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime":                         "M",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Duration":                          "D",
	"k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1":                          "F",
	"k8s.io/apimachinery/pkg/api/resource.Quantity":                          "Q",
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString":                        "I",
	"k8s.io/apimachinery/pkg/runtime.RawExtension":                           "R",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON":          "J",
	"k8s.io/apimachinery/pkg/types.UID":                                      "s",
	"k8s.io/apimachinery/pkg/types.NodeName":                                 "s",
	"k8s.io/apimachinery/pkg/types.NamespacedName":                           "s",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaURL": "s",
}

var scalars = map[string]string{
	"string": "s", "bool": "b", "int32": "i", "int64": "l", "int": "l", "uint32": "u", "uint64": "w",
	"byte": "B", "uint8": "B", "float64": "d", "float32": "d",
}

type declared struct {
	spec    *ast.TypeSpec
	imports map[string]string
	marks   map[string][]string
}

type pkg struct {
	source
	types   map[string]*declared
	enums   map[string][]string
	out     map[string][][]any
	atomic  map[string]bool
	enumOut map[string][]string
}

var packages = map[string]*pkg{} // by import path
var byID = map[string]*pkg{}

func markers(groups ...*ast.CommentGroup) map[string][]string {
	out := map[string][]string{}
	for _, group := range groups {
		if group == nil {
			continue
		}
		for _, line := range group.List {
			text := strings.TrimSpace(strings.TrimPrefix(line.Text, "//"))
			if !strings.HasPrefix(text, "+") {
				continue
			}
			name, value, _ := strings.Cut(text[1:], "=")
			out[name] = append(out[name], value)
		}
	}
	return out
}

func load(src source, root string) *pkg {
	p := &pkg{source: src, types: map[string]*declared{}, enums: map[string][]string{},
		out: map[string][][]any{}, atomic: map[string]bool{}, enumOut: map[string][]string{}}
	files, err := filepath.Glob(filepath.Join(root, "*.go"))
	check(err)
	if len(files) == 0 {
		check(fmt.Errorf("no Go files in %s", root))
	}
	fset := token.NewFileSet()
	constants := map[string][]string{}
	for _, name := range files {
		base := filepath.Base(name)
		if strings.HasSuffix(base, "_test.go") || strings.HasSuffix(base, ".pb.go") || strings.HasPrefix(base, "zz_") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		check(err)
		imports := map[string]string{}
		for _, spec := range file.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			alias := filepath.Base(path)
			if spec.Name != nil {
				alias = spec.Name.Name
			}
			imports[alias] = path
		}
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range gen.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					p.types[s.Name.Name] = &declared{s, imports, markers(before(fset, file, gen), gen.Doc, s.Doc)}
				case *ast.ValueSpec:
					ident, ok := s.Type.(*ast.Ident)
					if !ok || gen.Tok != token.CONST {
						continue
					}
					for _, value := range s.Values {
						if lit, ok := value.(*ast.BasicLit); ok && lit.Kind == token.STRING {
							text, _ := strconv.Unquote(lit.Value)
							constants[ident.Name] = append(constants[ident.Name], text)
						}
					}
				}
			}
		}
	}
	for name, decl := range p.types {
		if _, marked := decl.marks["enum"]; marked {
			values := constants[name]
			sort.Strings(values)
			p.enums[name] = values
		}
	}
	return p
}

// before is the comment group that stands one blank line above a declaration and its own comment: markers stand
// there too.
func before(fset *token.FileSet, file *ast.File, decl *ast.GenDecl) *ast.CommentGroup {
	start := decl.Pos()
	if decl.Doc != nil {
		start = decl.Doc.Pos()
	}
	for _, group := range file.Comments {
		if fset.Position(group.End()).Line == fset.Position(start).Line-2 {
			return group
		}
	}
	return nil
}

// express writes a Go type as an expression of the table.
func (p *pkg) express(expr ast.Expr, imports map[string]string) string {
	switch t := expr.(type) {
	case *ast.StarExpr:
		return p.express(t.X, imports)
	case *ast.ArrayType:
		inner := p.express(t.Elt, imports)
		if inner == "B" {
			return "B"
		}
		return "[" + inner
	case *ast.MapType:
		return "{" + p.express(t.Value, imports)
	case *ast.SelectorExpr:
		path := imports[t.X.(*ast.Ident).Name]
		if letter, ok := special[path+"."+t.Sel.Name]; ok {
			return letter
		}
		other := packages[path]
		if other == nil {
			check(fmt.Errorf("%s: unknown package %s for %s", p.id, path, t.Sel.Name))
		}
		return other.name(t.Sel.Name, p)
	case *ast.Ident:
		if letter, ok := scalars[t.Name]; ok {
			return letter
		}
		return p.name(t.Name, p)
	}
	check(fmt.Errorf("%s: unsupported type %T", p.id, expr))
	return ""
}

// name resolves a declared type as seen from another package.
func (p *pkg) name(name string, from *pkg) string {
	importPath := p.module + "/" + p.dir
	if letter, ok := special[importPath+"."+name]; ok {
		return letter
	}
	decl := p.types[name]
	if decl == nil {
		check(fmt.Errorf("%s: no type %s", p.id, name))
	}
	prefix := ""
	if p != from {
		prefix = p.id + "."
	}
	if _, ok := decl.spec.Type.(*ast.StructType); ok {
		p.emit(name)
		return "#" + prefix + name
	}
	if values, ok := p.enums[name]; ok && len(values) > 0 {
		p.enumOut[name] = values
		return "e" + prefix + name
	}
	inner := p.express(decl.spec.Type, decl.imports)
	if prefix != "" {
		inner = p.qualify(inner)
	}
	if _, wrapped := decl.marks["protobuf.nullable"]; wrapped {
		return "~" + inner
	}
	return inner
}

// qualify makes the references of an expression of p readable from another package.
func (p *pkg) qualify(expression string) string {
	at := strings.IndexAny(expression, "#e")
	if at < 0 || strings.Contains(expression, "/") {
		return expression
	}
	return expression[:at+1] + p.id + "." + expression[at+1:]
}

func (p *pkg) emit(name string) {
	if _, done := p.out[name]; done {
		return
	}
	p.out[name] = nil
	decl := p.types[name]
	if first(decl.marks, "structType") == "atomic" {
		p.atomic[name] = true
	}
	fields := [][]any{}
	for _, field := range decl.spec.Type.(*ast.StructType).Fields.List {
		if field.Tag == nil {
			continue
		}
		text, _ := strconv.Unquote(field.Tag.Value)
		tag := reflect.StructTag(text)
		jsonName, options, _ := strings.Cut(tag.Get("json"), ",")
		wire := strings.Split(tag.Get("protobuf"), ",")
		number := 0
		if len(wire) > 1 {
			number, _ = strconv.Atoi(wire[1])
		}
		goName := ""
		if len(field.Names) > 0 {
			goName = field.Names[0].Name
		}
		if selector, ok := field.Type.(*ast.SelectorExpr); ok && goName == "" && selector.Sel.Name == "TypeMeta" {
			continue
		}
		if ident, ok := field.Type.(*ast.Ident); ok && goName == "" && ident.Name == "TypeMeta" {
			continue
		}
		if jsonName == "-" || (jsonName == "" && number == 0) {
			continue
		}
		marks := markers(field.Doc)
		flags := ""
		_, pointer := field.Type.(*ast.StarExpr)
		if pointer {
			flags += "p"
		}
		omitempty := strings.Contains(options, "omitempty")
		if omitempty {
			flags += "o"
		}
		if strings.Contains(options, "omitzero") {
			flags += "z"
		}
		inline := strings.Contains(options, "inline") || (goName == "" && jsonName == "")
		if inline {
			flags += "i"
		}
		_, optional := marks["optional"]
		if !omitempty && !optional && !inline {
			flags += "r"
		}
		if jsonName == "" {
			jsonName = strings.TrimPrefix(wireName(wire), "name=")
		}
		extras := map[string]any{}
		set(extras, "lt", first(marks, "listType"))
		if keys := marks["listMapKey"]; len(keys) > 0 {
			extras["lk"] = keys
		}
		set(extras, "mt", first(marks, "mapType"))
		set(extras, "mt", first(marks, "structType"))
		set(extras, "ps", tag.Get("patchStrategy"))
		set(extras, "pk", tag.Get("patchMergeKey"))
		if text := first(marks, "default"); text != "" && !strings.HasPrefix(text, "ref(") {
			var value any
			check(json.Unmarshal([]byte(text), &value))
			extras["d"] = value
		}
		entry := []any{jsonName, number, p.express(field.Type, decl.imports), flags}
		if len(extras) > 0 {
			entry = append(entry, extras)
		}
		fields = append(fields, entry)
	}
	p.out[name] = fields
}

func wireName(wire []string) string {
	for _, part := range wire {
		if strings.HasPrefix(part, "name=") {
			return part
		}
	}
	return ""
}

func first(marks map[string][]string, name string) string {
	if values := marks[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func set(extras map[string]any, key, value string) {
	if value != "" && value != "granular" {
		extras[key] = value
	}
}

// isKind tells an object kind: it has TypeMeta and is not a list.
func isKind(decl *declared) bool {
	structure, ok := decl.spec.Type.(*ast.StructType)
	if !ok || strings.HasSuffix(decl.spec.Name.Name, "List") {
		return false
	}
	for _, field := range structure.Fields.List {
		if selector, ok := field.Type.(*ast.SelectorExpr); ok && len(field.Names) == 0 && selector.Sel.Name == "TypeMeta" {
			return true
		}
	}
	return false
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go run hack/gen-builtin-types.go <GOMODCACHE> <version of the k8s.io modules>")
		os.Exit(2)
	}
	cache, version := os.Args[1], os.Args[2]
	for _, src := range sources {
		p := load(src, filepath.Join(cache, src.module+"@"+version, src.dir))
		packages[src.module+"/"+src.dir] = p
		byID[src.id] = p
	}
	for _, src := range sources {
		p := byID[src.id]
		roots := src.roots
		if len(roots) == 0 {
			for name, decl := range p.types {
				if isKind(decl) {
					roots = append(roots, name)
				}
			}
		}
		sort.Strings(roots)
		for _, name := range roots {
			p.emit(name)
		}
	}
	table := map[string]any{}
	for _, src := range sources {
		p := byID[src.id]
		types := map[string]any{}
		for name, fields := range p.out {
			types[name] = fields
		}
		entry := map[string]any{"ref": p.ref, "types": types}
		if len(p.enumOut) > 0 {
			entry["enums"] = p.enumOut
		}
		if len(p.atomic) > 0 {
			names := []string{}
			for name := range p.atomic {
				names = append(names, name)
			}
			sort.Strings(names)
			entry["atomic"] = names
		}
		table[src.id] = entry
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	check(encoder.Encode(table))
	fmt.Printf("/**\n * Built-in Kubernetes types as data, from the Go modules k8s.io/* %s. Read by builtin/type-table.ts, which\n"+
		" * says what the letters mean. Generated, not edited: `go run hack/gen-builtin-types.go <GOMODCACHE> %s`\n"+
		" * (the head of that file has the commands).\n */\n", version, version)
	text := strings.TrimSpace(out.String())
	text = strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), `'`, `\'`)
	fmt.Printf("export const builtinTypesJson: string =\n  '%s';\n", text)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
